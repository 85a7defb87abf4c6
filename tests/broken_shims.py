"""Our shim, with one thing wrong: what a learner may well forget.

Each is started as any shim is.  Before `main` runs it changes one thing in the rooms of
the shim; the promises beside it are those that must notice.
"""

import sys
from dataclasses import dataclass
from textwrap import dedent

from conman_lab.places import COURSE

BOOT = """
import sys
sys.path.append(sys.argv.pop(1))
from conman_lab import linux
from conman_lab.shim import __main__ as shim, appender, attach, exitfile, logs, loop
from conman_lab.shim import console, creation, output, protocol, reaper, spawn
from conman_lab.shim import stdin
from conman_lab.stream import Stream
import os
nothing = lambda *args, **named: None
{change}
shim.main()
"""


@dataclass(frozen=True)
class BrokenShim:
    """What is wrong with it, as Python, and the promises that it breaks.

    `keeps` is one that has nothing to do with that: the shim is wrong, not dead.
    """

    name: str
    change: str
    breaks: tuple[str, ...]
    keeps: str = "becomes-command"

    @property
    def program(self) -> tuple[str, ...]:
        """Its command line."""
        boot = BOOT.format(change=dedent(self.change))
        return (sys.executable, "-I", "-S", "-c", boot, str(COURSE))


BROKEN_SHIMS = (
    BrokenShim(
        "tells no exit",
        "exitfile.ExitFile.write = nothing",
        ("success", "killed", "before-start", "lost-exit"),
    ),
    BrokenShim(
        "tells codes alone",
        """
        write = exitfile.ExitFile.write
        told = lambda self, how: write(self, linux.Exit(code=how.status, at=how.at))
        exitfile.ExitFile.write = told
        """,
        ("killed", "crashed", "out-of-memory", "exec-killed", "exec-container-ends"),
    ),
    BrokenShim(
        "takes codes for signals",
        """
        def told(self, how):
            signum = how.status - 128
            write(self, linux.Exit(signal=signum) if signum > 0 else how)
        write, exitfile.ExitFile.write = exitfile.ExitFile.write, told
        """,
        ("code-or-signal", "largest-code"),
    ),
    BrokenShim(
        "tells no time",
        """
        to_json = exitfile.to_json
        exitfile.to_json = lambda how: to_json(linux.Exit(how.code, how.signal, 0.0))
        """,
        ("exit-time",),
    ),
    BrokenShim(
        "puts all down to memory",
        """
        from conman_lab.shim import oom
        oom.OomCounter.killed = lambda self: True
        """,
        ("not-for-memory",),
    ),
    BrokenShim(
        "adopts nobody", "linux.become_subreaper = nothing", ("somebody-stays",)
    ),
    BrokenShim(
        "stays in our session",
        "os.setsid = nothing",
        ("own-session",),
    ),
    BrokenShim(
        "goes by no name",
        """
        name_process = linux.name_process
        linux.name_process = lambda title: name_process("somebody")
        """,
        ("known-by-name",),
    ),
    BrokenShim(
        "forwards nothing",
        "loop.forward_signals = nothing",
        ("forwards",),
    ),
    BrokenShim(
        "keeps something for its stdin",
        """
        dup2, zero = os.dup2, os.open("/dev/zero", os.O_RDONLY)
        os.dup2 = lambda fd, target: dup2(fd if target else zero, target)
        """,
        ("stdio-let-go",),
    ),
    BrokenShim(
        "drains nothing",  # and reads slowly, or all may come in time by luck
        """
        import time
        pump = output.Output._pump
        output.Output._pump = lambda self, stream: time.sleep(0.02) or pump(self, stream)
        output.Output.drain, output.ROUNDS, output.CHUNK = nothing, 1, 512
        """,
        ("lost-tail", "last-words", "terminal-drained"),
    ),
    BrokenShim(
        "waits for the end of file",
        """
        once = output.Output.drain  # the runtime's words, which have no such end
        def drain(self):
            once(self)
            output.Output.drain = to_the_end
        def to_the_end(self):
            while self._open:
                self._loop.run_once()
        output.Output.drain = drain
        """,
        ("stray",),
    ),
    BrokenShim(
        "mixes the streams",
        """
        write = logs.LogFile.write
        logs.LogFile.write = lambda self, stream, chunk: write(self, Stream.STDOUT, chunk)
        """,
        ("streams-apart", "in-order"),
    ),
    BrokenShim(
        "logs whole lines alone",
        """
        write = logs.LogFile.write
        logs.LogFile.write = lambda self, *rest: rest[1] and write(self, *rest)
        """,
        ("no-final-newline", "prompt-at-once", "full-and-partial"),
    ),
    BrokenShim(
        "strips lines",
        """
        full_lines = logs.full_lines
        logs.full_lines = lambda text, head: full_lines(text.replace(b"\\r", b""), head)
        """,
        ("terminal-output",),
    ),
    BrokenShim(
        "takes output for text",
        """
        write = logs.LogFile.write
        def as_text(self, stream, chunk):
            write(self, stream, chunk.decode(errors="replace").encode())
        logs.LogFile.write = as_text
        """,
        ("all-bytes",),
    ),
    BrokenShim(
        "has no clock",
        "logs.Clock.now = lambda self: b'2001-01-01T00:00:00.000000000+00:00'",
        ("times",),
    ),
    BrokenShim(
        "writes its own kind of log",
        "logs.Clock.now = lambda self: b'now'",
        ("records",),
    ),
    BrokenShim(
        "tells viewers no stream",
        """
        broadcast = attach.AttachServer.broadcast
        merged = lambda self, stream, chunk: broadcast(self, Stream.STDOUT, chunk)
        attach.AttachServer.broadcast = merged
        """,
        ("viewer-sees",),
    ),
    BrokenShim(
        "has one viewer",
        """
        accept = attach.AttachServer._accept
        attach.AttachServer._accept = lambda self: self._viewers or accept(self)
        """,
        ("viewers",),
    ),
    BrokenShim(
        "sends too much at once",
        "attach.MESSAGE = 16384",
        ("viewer-sees-all",),
    ),
    BrokenShim(
        "waits for its viewers",
        """
        import socket
        setblocking = socket.socket.setblocking
        blocking = lambda self, flag: setblocking(self, self.type & 2 == 0)
        attach.Guest.allow_lag = lambda viewer: viewer.setblocking(True)
        """,
        ("viewer-sleeps",),
    ),
    BrokenShim(
        "leaves its socket",
        "attach.remove = nothing",
        ("socket-goes",),
    ),
    BrokenShim(
        "never goes",
        """
        import signal
        close = attach.AttachServer.close
        attach.AttachServer.close = lambda self: (close(self), signal.pause())
        """,
        ("keeper-goes",),
    ),
    BrokenShim(
        "starts at once",
        """
        runtime_command = spawn.runtime_command
        def run(*told):
            words = runtime_command(*told)
            words[words.index("create")] = "run"
            return [*words[:-1], "--detach", words[-1]]
        spawn.runtime_command = run
        """,
        ("waits-for-start",),
        keeps="in-own-words",
    ),
    BrokenShim(
        "has words of its own",
        """
        from conman_lab.shim.protocol import Report
        send = Report.send
        ours = lambda self, fd: send(Report(self.pid, self.error and "no luck"), fd)
        Report.send = ours
        """,
        ("in-own-words", "exec-in-own-words"),
    ),
    BrokenShim(
        "hears the first death",
        """
        def anybody(self):
            while death := reaper._next_death():
                watchers = [self._watchers.pop(pid) for pid in [*self._watchers]]
                if not watchers:
                    self._keep(*death)
                for tell in watchers:
                    tell(death[1])
        reaper.Reaper.reap = anybody
        """,
        ("its-children",),
    ),
    BrokenShim(
        "reaps its own alone",
        """
        def next_death():
            for pid in reaper.children():
                if pid in known:
                    try:
                        got, status = os.waitpid(pid, os.WNOHANG)
                    except ChildProcessError:
                        continue
                    if got:
                        return got, linux.Exit.from_wait_status(status)
        known = set()
        watch = reaper.Reaper.watch
        reaper.Reaper.watch = lambda self, pid, tell: (known.add(pid), watch(self, pid, tell))
        reaper._next_death = next_death
        """,
        ("orphans-reaped",),
    ),
    BrokenShim(
        "skips empty lines",
        """
        full_lines = logs.full_lines
        def without(text, head):
            while b"\\n\\n" in text:
                text = text.replace(b"\\n\\n", b"\\n")
            return full_lines(text, head)
        logs.full_lines = without
        """,
        ("empty-lines",),
    ),
    BrokenShim(
        "ends lines itself",
        """
        append = appender.Appender.append
        def ended(self, records):
            append(self, bytes(records).replace(b"stdout P ", b"stdout F "))
        appender.Appender.append = ended
        """,
        ("long-line", "no-final-newline"),  # pieces may come in one read
    ),
    BrokenShim(
        "stops at the first end of file",
        """
        close = output.Output._close
        def close_all(self, stream):
            for each in list(self._open):
                close(self, each)
        output.Output._close = close_all
        """,
        ("stdout-closed",),
    ),
    BrokenShim(
        "hands on a stdin that never ends",
        "os.devnull = '/dev/ptmx'",
        ("stdin-at-end",),
    ),
    BrokenShim(
        "changes its priority, and its container's",
        "open('/proc/self/oom_score_adj', 'w').write('500')",
        ("out-of-memory-score",),
    ),
    BrokenShim(
        "gives it no stdin",
        "creation.open_stdin = nothing",
        ("stdin-arrives", "terminal-typed", "terminal-interrupt"),
    ),
    BrokenShim(
        "keeps stdin open for ever",
        "stdin.Stdin.finish = nothing",
        ("stdin-ends",),
    ),
    BrokenShim(
        "closes stdin with the first who leaves",
        """
        init = stdin.Stdin.__init__
        stdin.Stdin.__init__ = lambda self, loop, fd=-1, once=False: init(
            self, loop, fd, True
        )
        """,
        ("stdin-stays-open",),
    ),
    BrokenShim(
        "hears one typist alone",
        """
        receive, heard = attach.AttachServer._receive, []
        def first(self, viewer):
            heard.append(viewer)
            (receive if viewer is heard[0] else type(self)._drop)(self, viewer)
        attach.AttachServer._receive = first
        """,
        ("stdin-of-all",),
    ),
    BrokenShim(
        "forgets what does not fit",
        """
        def write(self, typed, then):
            self._put(typed)
            return True
        stdin.Stdin.write = write
        """,
        ("stdin-waits",),
    ),
    BrokenShim(
        "waits until it is read",
        """
        begin = stdin.Stdin.__init__
        def patient(self, loop, fd=-1, once=False):
            begin(self, loop, fd, once)
            os.set_blocking(fd, True)
        stdin.Stdin.__init__ = patient
        """,
        ("stdin-unread",),
    ),
    BrokenShim(
        "dies of a closed stdin",
        """
        put = stdin.Stdin._put
        stdin.Stdin._put = lambda self, typed: os.write(self._fd, typed) or 0
        loop.Loop._call = lambda self, callback: callback()
        """,
        ("stdin-closed",),
    ),
    BrokenShim(
        "has a window of one size",
        "console.Console.resize = nothing",
        ("terminal-window",),
    ),
    BrokenShim(
        "takes EIO for the end",
        """
        rest = lambda self, loop, output: output._finish(Stream.STDOUT)
        console.Console._rest = rest
        """,
        ("terminal-opened-again",),
    ),
    BrokenShim(
        "tells a command's exit as its container's",
        """
        file = protocol.Options.file
        def mixed(self, name):
            return file(self, f"../../{name}" if self.exec and name == "exit" else name)
        protocol.Options.file = mixed
        """,
        ("exec-exit",),
    ),
    BrokenShim(
        "writes a command's words into its container's log",
        """
        file = protocol.Options.file
        def mixed(self, name):
            return file(self, f"../../{name}" if self.exec and name == "log" else name)
        protocol.Options.file = mixed
        """,
        ("exec-output",),
    ),
    BrokenShim(
        "has terminals for containers alone",
        """
        command = spawn.runtime_command
        def without(options, *rest):
            words = command(options, *rest)
            if options.exec and "--console-socket" in words:
                at = words.index("--console-socket")
                del words[at : at + 2]
            return words
        spawn.runtime_command = without
        """,
        ("exec-terminal",),
    ),
)
