"""`conman-lab bench`: what our shim costs, beside the others, in one run.

The rooms of it are in benches/.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from conman_lab.views import plots

from .benches import (
    launch,
    logs,
    manager,
    memory,
    notice,
    report,
    scale,
    watched,
)
from .benches.beside import BenchLab
from .benches.contestants import Sizes
from .benches.measure import Discipline, Figure, measure
from .progress import Progress

BENCHES: dict[str, Callable[[BenchLab, Sizes], list[Discipline]]] = {
    "launch": launch.disciplines,
    "notice": notice.disciplines,
    "log": logs.disciplines,
    "memory": memory.disciplines,
    "trace": watched.disciplines,
    "manager": manager.disciplines,
    "churn": manager.churn,
    "scale": scale.disciplines,
}
SIZES = {  # of Sizes: the least, and what there is so many of
    "runs": (0, "of each benchmark; 0: as many as it thinks right"),
    "containers": (1, "memory: that sleep at a time"),
    "churn": (1, "churn: containers that live and go"),
    "idle": (1, "scale: containers that one manager keeps"),
    "megabytes": (1, "log: that a container writes"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`conman-lab bench [launch|notice|log|memory|trace ...] [--runs N] [--save DIR]`."""
    parser.add_argument(
        "benches",
        nargs="*",
        choices=[*BENCHES, []],  # [] is what argparse has for none, bpo-27227
        metavar="BENCH",
        help=f"{', '.join(BENCHES)}; by default all",
    )
    parser.add_argument(
        "--save", type=Path, metavar="DIR", help="keep bench.json and pictures"
    )
    for name, (least, many) in SIZES.items():
        usual, count = getattr(Sizes, name), partial(_count, least)
        line = f"{many} ({usual})"
        parser.add_argument(
            f"--{name}", type=count, default=usual, metavar="N", help=line
        )


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, save what is asked for."""
    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)  # or we hear it when all is done
    sizes = Sizes(args.runs, args.containers, args.megabytes, args.churn, args.idle)
    figures = bench(args.benches or [*BENCHES], sizes)
    print(f"\n{report.table(figures)}\n\n{report.load()}")
    if args.save:
        save(figures, args.save)
    return 0


def bench(names: Sequence[str], sizes: Sizes) -> list[Figure]:
    """Run these benchmarks in a lab of their own.  NotPossible without root."""
    lab = BenchLab("bench")
    try:
        return [
            figure
            for name in names
            for discipline in BENCHES[name](lab, sizes)
            for figure in _with_progress(discipline)
        ]
    finally:
        lab.end()


def save(figures: Sequence[Figure], directory: Path) -> None:
    """Write bench.json and bench.png."""
    (directory / "bench.json").write_text(report.to_json(figures))
    plots.strips(report.panels(figures)).save(directory / "bench.png")
    print(f"saved: {directory / 'bench.json'}, {directory / 'bench.png'}")


def _count(least: int, word: str) -> int:
    if not word.isdecimal() or int(word) < least:
        raise argparse.ArgumentTypeError(f"{word} is no number from {least} on")
    return int(word)


def _with_progress(discipline: Discipline) -> list[Figure]:
    title = f"{discipline.bench}: {discipline.name}"
    progress = Progress(title, discipline.turns, unit="runs")
    try:
        figures = measure(discipline, progress.step)
    except BaseException:
        progress.end("FAILED")
        raise
    progress.end("measured")
    return figures
