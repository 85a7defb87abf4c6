'''A trial: one promise, one launcher, one stage.

    @promise
    def exit_code(trial: Trial) -> None:
        """The exit code is told."""
        how = trial.end_of(trial.begin("exit 7"))
        trial.expect(how.code == 7, "exit code 7", str(how))

is the Check "exit-code", in the words of its docstring's first line.  The stage is that
of the pitfalls: a container with two fifos to us, and gone when the trial is over.
'''

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

from conman_lab import places
from conman_lab.checks import Broken, Check, Evidence
from conman_lab.errors import LabError, LaunchFailed
from conman_lab.identity import Identity
from conman_lab.launcher import Launched, Launcher
from conman_lab.linux import Exit
from conman_lab.observe import procfs
from conman_lab.oci import Bundle, cgroups
from conman_lab.pitfalls.stage import Stage
from conman_lab.stream import Stream

from .patience import patience, within

LONGEST = 100  # characters of an id
Play = str | Bundle  # what a container is to do: a script, or all about it


class Trial(Stage):
    """A stage on which something is expected."""

    def __init__(self, launcher: Launcher, evidence: Evidence, id: str) -> None:
        super().__init__(launcher, evidence, id)
        self.evidence = evidence
        self.container: Launched | None = None

    @property
    def directory_of_container(self) -> Path:
        """Where a launcher keeps what it knows of ours."""
        return self.launcher.home / "containers" / self.id

    def expect(self, kept: object, expected: str, seen: str) -> None:
        """Note what was seen, and end the trial if it is not what was promised."""
        if not kept and self.container:
            with suppress(
                OSError, LabError
            ):  # there may be nothing to look at any more
                self.look(self.container)
        self.evidence.expect(kept, expected, self.steady(seen))

    def begin(self, play: Play) -> Launched:
        """Create a container, start it, and wait until its script has begun."""
        self.container = self.create(play)
        self.start(self.container)
        return self.container

    def forking_twice(self, script: str) -> Bundle:
        """Leaves an `orphan` in the host's pid namespace, and follows the script."""
        orphan = "(sh -c 'echo $$ >/stage/word; exec sleep 1000' &)"
        bundle = self.bundle(f"read cue </stage/cue; {orphan}; {script}")
        return bundle.without_namespaces("pid")

    def orphan(self) -> Identity:
        """Who was orphaned, once it is."""
        self.cue()
        return Identity.of(int(self.word()))

    def end_of(self, container: Launched) -> Exit:
        """How it ended, as its launcher tells it."""
        return container.wait(patience())

    def refused(self, play: Play) -> str:
        """Why it was not created."""
        bundle = self.bundle(play) if isinstance(play, str) else play
        try:
            container = self.launcher.create(self.id, bundle.save().directory)
        except LaunchFailed as why:
            return self.steady(str(why))
        container.delete()
        raise Broken("a refusal", "a container")

    def written(self, container: Launched, stream: Stream = Stream.STDOUT) -> bytes:
        """All that it wrote to its end; where nobody records, we read as it writes."""
        if container.log:
            self.end_of(container)
        return within(patience(), partial(container.output, stream))

    def left(self) -> list[str]:
        """What there is of our container: directories, cgroups, processes."""
        parents = [tree / places.cgroup_parent() for tree in cgroups.trees()]
        groups = chain.from_iterable(parent.rglob(self.id) for parent in parents)
        files = self.launcher.home.glob(f"*/{self.id}")
        named = (str(self.directory_of_container), f"shim:{self.id}")
        processes = [
            process.comm
            for process in procfs.snapshot().values()
            if any(name in " ".join(process.command) for name in named)
        ]
        return [*(self.steady(str(path)) for path in chain(files, groups)), *processes]


def promise(body: Callable[[Trial], object]) -> Check:
    """A check that is called as `body` is, and promises what its docstring says."""
    name = body.__name__.replace("_", "-")
    words = (body.__doc__ or name).splitlines()[0].removesuffix(".")
    return Check(name, words[0].lower() + words[1:], partial(_play, name, body))


def _play(
    name: str, body: Callable[[Trial], object], launcher: Launcher, evidence: Evidence
) -> None:
    with Trial(launcher, evidence, _id(name, launcher.name)) as trial:
        body(trial)


def _id(promise: str, launcher: str) -> str:
    """Of the container; a learner's program may be called anything.

    >>> _id("success", "My shim.py")
    'success-my-shim.py'
    """
    return re.sub(r"[^a-z0-9.-]+", "-", f"{promise}-{launcher}".lower())[:LONGEST]
