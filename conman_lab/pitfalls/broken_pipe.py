"""The broken pipe: the manager dies, and the container of its next line.

When the last reader of a pipe is gone, write(2) fails with EPIPE, and before that the
kernel sends SIGPIPE to the writer, which ends it, pipe(7), signal(7).  A manager that
reads its containers' pipes itself takes them all with it: by an update, by a bug.

There is one exception.  The first process of a pid namespace gets no signals from
within, pid_namespaces(7), not even this one: a shell that is pid 1 sees EPIPE.  Its
children are ended, as `/bin/echo` is here: 141 is 128 + 13, and 13 is SIGPIPE.

With a shim the reader is nobody's child and needs no manager, so managers may come and
go.  dockerd's "live restore" and podman's having no daemon at all stand on this.
"""

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher
from conman_lab.stream import Stream

from .asking import written
from .stage import Stage

SCRIPT = "read cue </stage/cue; /bin/echo two; echo $? >/stage/word"


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """A manager dies; then its container writes a line."""
    with Stage(launcher, evidence, "broken-pipe") as stage:
        manager = stage.manager()
        container = stage.create(SCRIPT, manager)
        stage.start(container)
        manager.die()
        stage.look(container)

        stage.cue()
        status = stage.word()
        why = ": 128 + 13, it died of SIGPIPE" if status == "141" else ""
        seen = f"that echo has returned {status}{why}"
        evidence.expect(status == "0", "that echo returns 0", seen)
        seen = stage.told(written, container, Stream.STDOUT, "two\n").strip()
        evidence.expect(seen == "two", "'two' in its record", seen)


CHECK = Check("broken-pipe", "a container outlives its manager", experiment)
