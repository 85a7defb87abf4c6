"""No console: a terminal needs somebody who holds its other end.

`process.terminal: true` asks for a pseudo-terminal, pty(7).  The runtime opens one in
the container, and must hand its master to somebody who stays: over the console socket,
by SCM_RIGHTS, unix(7).  Without a socket it refuses; runc says "cannot allocate tty if
runc will detach without setting console socket".  For when the last one closes the
master, the kernel hangs up the terminal, and the container gets SIGHUP.

A shim listens on such a socket, and keeps the master for as long as the container lives.
"""

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher
from conman_lab.stream import Stream

from .asking import written
from .stage import Stage

SCRIPT = "tty; echo written >/stage/word; read cue </stage/cue"


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """A container asks tty(1) for the name of its terminal."""
    with Stage(launcher, evidence, "no-console") as stage:
        bundle = stage.bundle(SCRIPT).with_terminal()
        container = stage.create(bundle)
        stage.start(container)
        stage.word()  # that it has written
        stage.look(container)

        seen = stage.told(written, container, Stream.STDOUT, "0\r\n").strip()
        evidence.expect(seen == "/dev/pts/0", "/dev/pts/0", seen)


CHECK = Check("no-console", "a container can have a terminal", experiment)
