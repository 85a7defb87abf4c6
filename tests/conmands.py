"""A real daemon, in a process of its own, below a test's home."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from eventually import eventually

from conman_lab.manager.client import Client

CONMAND = (sys.executable, "-m", "conman_lab.manager.conmand")
CONMANCTL = (sys.executable, "-m", "conman_lab.manager.conmanctl")


class Daemon:
    """Starts conmand; at the end of a `with` it is gone."""

    def __init__(self, home, runtime):
        self.home, self.socket = home, home / "d" / "sock"
        self._runtime, self._processes = runtime, []
        self.log = home / "conmand.log"

    def command(self, **other):
        """Its command line; other flags by name: `listen=path`."""
        flags = {
            "listen": self.socket,
            "lib-root": self.home,
            "run-root": self.home / "run",
            "container-logs": self.home / "logs",
            "runtime-path": self._runtime.program,
            "runtime-root": self._runtime.root,
            "streaming-addr": "127.0.0.1:0",
            "log": self.log,
        } | {name.replace("_", "-"): value for name, value in other.items()}
        return [*CONMAND, *(f"--{name}={value}" for name, value in flags.items())]

    def start(self, flags={}, **options):  # noqa: B006
        """Start it, and wait until it answers."""
        self._processes.append(
            subprocess.Popen(self.command(**flags), stderr=subprocess.PIPE, **options)
        )
        eventually(self._answers, timeout=20)
        return self

    def _answers(self):
        assert self.process.poll() is None, self.process.stderr.read().decode()
        with suppress(OSError, Exception):
            return Client(self.socket).version()

    @property
    def process(self):
        """The one that was started last."""
        return self._processes[-1]

    @property
    def client(self):
        """A new one."""
        return Client(self.socket)

    def stop(self):
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        self.process.wait(10)

    def journal(self, **wanted):
        """The lines of its log that have these values."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if wanted.items() <= line.items()]

    def threads(self):
        """How many it has."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def descriptors(self):
        """How many are open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def ctl(self, *words, stdin=None, **options):
        """Run conmanctl; what it did."""
        return subprocess.run(
            [*CONMANCTL, "--host", str(self.socket), *map(str, words)],
            input=stdin,
            capture_output=True,
            timeout=50,
            **options,
        )

    def says(self, *words, stdin=None):
        """Run conmanctl, which succeeds; what it prints."""
        done = self.ctl(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def told(self, *words):
        """The same, as JSON."""
        return json.loads(self.says(*words))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            process.stderr.close()


def rootfs(bundle) -> Path:
    """A root directory with busybox in it."""
    return bundle("hello").rootfs
