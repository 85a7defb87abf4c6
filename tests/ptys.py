"""A program on a terminal of the test's own: what a viewer of a container has, too."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios

from conman_lab.stream import Stream


class Pty:
    """Runs `command`; has a Viewer's methods, and `wait`."""

    id = "test"

    def __init__(self, *command):
        self.master, slave = os.openpty()
        os.set_inheritable(self.master, False)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={"PATH": os.environ["PATH"], "TERM": "xterm", "PS1": "test$ "},
        )
        os.close(slave)

    def fileno(self):
        """For select(2)."""
        return self.master

    def read(self, timeout=None):
        """What it has written; None: it has ended."""
        if not select.select([self.master], [], [], timeout)[0]:
            raise TimeoutError
        try:
            return Stream.STDOUT, os.read(self.master, 8192)
        except OSError:  # EIO: nobody has the other end open any more
            return None

    def send(self, data):
        """Type it, and wait while it does not read."""
        while data:
            data = data[os.write(self.master, data) :]

    def resize(self, rows, columns):
        """Have a window of another size."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def wait(self, timeout):
        """Wait for its end, and say how it was."""
        return f"exit code {self.process.wait(timeout)}"

    def end_input(self):
        """A terminal has no half."""

    def close(self):
        """Leave: the program hears that its terminal has gone."""
        self.process.send_signal(signal.SIGHUP)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
