"""What a keeper holds while its container sleeps: /proc/PID/smaps_rollup, proc(5).

    RSS  all its pages, the interpreter's and the libraries' among them
    PSS  a page that n processes share counts 1/n: what they take together, divided
    USS  the pages that nobody else has: what you would get back

PSS depends on how many there are, so the number of containers belongs to the figure;
and any other Python of this machine makes it a little smaller.
"""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import mean

from conman_lab.lab.workspace import Lab
from conman_lab.launcher import Launcher

from .contestants import Sizes, contestants
from .measure import Discipline, Sample

PARTS = {
    "MiB PSS": ("Pss",),
    "MiB USS": ("Private_Clean", "Private_Dirty"),
    "MiB RSS": ("Rss",),
}


def disciplines(lab: Lab, sizes: Sizes) -> list[Discipline]:
    """One, in one round: each contestant has so many containers, and alone."""
    run = partial(hold, lab.bundle("sleeper").directory, sizes.containers)
    name = f"one of {sizes.containers}"
    return [Discipline("memory", name, contestants(lab), run, 1, warm_up=False)]


def hold(bundle: Path, count: int, launcher: Launcher) -> Sample:
    """Start `count` containers, and weigh what stays with them: the mean of one."""
    with ExitStack() as stack:
        keepers = []
        for number in range(count):
            container = launcher.create(f"memory-{number}", bundle)
            stack.callback(container.delete)
            container.start()
            assert container.keeper, f"nobody stays with {container.id}"
            keepers.append(container.keeper)
        weights = [weigh(keeper) for keeper in keepers]
    return {unit: mean(weight[unit] for weight in weights) for unit in PARTS}


def weigh(pid: int) -> Sample:
    """PSS, USS and RSS of one process, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    fields = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return {
        unit: sum(fields[name] for name in names) / 1024
        for unit, names in PARTS.items()
    }
