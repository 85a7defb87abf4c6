"""Each benchmark with tiny counts: that it measures, not what."""

import json

import pytest

from conman_lab.lab import bench
from conman_lab.lab.benches import logs, report
from conman_lab.lab.benches.contestants import Sizes
from conman_lab.lab.benches.goals import GOALS, Goal, Measure
from conman_lab.lab.benches.measure import Discipline, Figure, measure
from conman_lab.lab.cli import main

SMALL = ["--runs", "1", "--containers", "2", "--megabytes", "1"]
SMALL += ["--churn", "4", "--idle", "3"]
pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]


def figure(contestant, *runs, discipline="create", unit="ms", bench="launch"):
    return Figure(bench, discipline, unit, contestant, runs)


@pytest.mark.parametrize("name", bench.BENCHES)
def test_a_benchmark_prints_a_table_and_saves_json_and_a_plot(name, tmp_path, capsys):
    assert main(["bench", name, *SMALL, "--save", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    saved = json.loads((tmp_path / "bench.json").read_text())
    assert {row["bench"] for row in saved["figures"]} == {name}
    for row in saved["figures"]:
        assert row["median"] > 0
        assert len(row["runs"]) == 1
        assert f"{name}: {row['discipline']}" in said
        assert row["contestant"] in said
    ours = {"Shim", "Manager", "traced"}
    assert ours & {row["contestant"] for row in saved["figures"]}
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_benchmark_is_refused_before_anything_runs(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "lauch"])
    assert "lauch" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--runs=-1"], ["--idle=0"], ["--megabytes=x"]])
def test_what_cannot_be_counted_is_refused_before_anything_runs(words, capsys):
    with pytest.raises(SystemExit):
        main(["bench", "launch", *words])
    assert "is no number from" in capsys.readouterr().err


def test_a_place_that_cannot_keep_it_is_told_before_anything_runs(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["bench", "launch", *SMALL, "--save", str(tmp_path / "file")]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"conman-lab: {tmp_path}/file: File exists\n")


def test_all_goals_are_of_disciplines_that_there_are(monkeypatch):
    """A goal for a name that nothing measures would never be missed."""
    asked = []
    monkeypatch.setattr(bench, "_with_progress", lambda it: asked.append(it) or [])
    bench.bench([*bench.BENCHES], Sizes())
    there = {(discipline.bench, discipline.name) for discipline in asked}
    assert {(goal.bench, goal.discipline) for goal in GOALS} <= there


class Runner:
    """A contestant that only has a name."""

    def __init__(self, name):
        self.name = name


def test_contestants_take_turns_and_the_first_round_is_forgotten():
    turns = []

    def run(launcher):
        turns.append(launcher.name)
        return {"turn": float(len(turns))}

    able = (Runner("a"), Runner("b"))
    figures = measure(Discipline("x", "y", able, run, rounds=2), lambda: None)
    assert turns == ["a", "b", "b", "a", "a", "b"]
    assert [it.runs for it in figures] == [(4.0, 5.0), (3.0, 6.0)]


@pytest.mark.parametrize(
    ("how", "limit", "seen", "kept"),
    [
        (Measure.AT_MOST, 20, 20, True),
        (Measure.AT_MOST, 19, 20, False),
        (Measure.AT_MOST_OVER, 10, 10, True),
        (Measure.AT_MOST_OVER, 9, 10, False),
        (Measure.AT_MOST_TIMES, 2, 2, True),
        (Measure.AT_MOST_TIMES, 1.9, 2, False),
        (Measure.AT_LEAST_TIMES, 2, 2, True),
        (Measure.AT_LEAST_TIMES, 2.1, 2, False),
    ],
)
def test_a_goal_compares_the_runs_of_a_round(how, limit, seen, kept):
    """The third round was slow for both, and says nothing."""
    figures = [figure("Shim", 20, 20, 90), figure("Conmon", 10, 10, 80)]
    goal = Goal("launch", "create", "ms", how, limit)
    assert goal.seen(figures) == seen
    assert goal.kept(goal.seen(figures)) is kept


def test_a_goal_over_an_absent_peer_is_not_judged():
    goal = Goal("launch", "create", "ms", Measure.AT_MOST_OVER, 30)
    assert goal.seen([figure("Shim", 20)]) is None
    assert goal.seen([figure("Conmon", 20)]) is None


def test_the_table_says_which_goals_are_missed():
    figures = [figure("Conmon", 30), figure("Shim", 70)]
    assert "at most 30 ms over Conmon: 40, MISSED" in report.table(figures)


def test_a_load_is_whole_lines_of_its_width():
    for load in logs.LOADS:
        text = load.text(100_000)
        assert 80_000 <= len(text) * load.share <= 100_000
        assert {len(line) + 1 for line in text.splitlines()} == {load.width}


def test_a_log_that_lacks_a_byte_is_no_result():
    class Forgetful:
        id = "web"

        def output(self, stream):
            return b"lin"

    with pytest.raises(logs.BytesLost, match="wrote 4 bytes, and its log has 3"):
        logs.compare(Forgetful(), b"line")
