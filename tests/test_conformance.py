"""The promises: kept by our shim and by conmon, broken by whom they are made for."""

import json
import os
import re
import shutil
import sys
import time
from textwrap import dedent

import pytest
from broken_shims import BROKEN_SHIMS
from facts import ends, reads

from conman_lab import pitfalls
from conman_lab.checks import Broken, Check, Evidence, Verdict
from conman_lab.conformance import examine as examining
from conman_lab.conformance.examine import try_promise
from conman_lab.conformance.fence import Fence
from conman_lab.conformance.matrix import evidence, matrix, rows
from conman_lab.conformance.notes import NOTES, note_on
from conman_lab.conformance.patience import eventually as eventually_there
from conman_lab.conformance.patience import hasty, within
from conman_lab.conformance.promises import PROMISES
from conman_lab.lab import conformance
from conman_lab.lab.cli import main
from conman_lab.naive import Naive
from conman_lab.oci import cgroups
from conman_lab.shim.launcher import Shim

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]

BY_NAME = {check.name: check for check in PROMISES}
OURS = [check for check in PROMISES if check not in pitfalls.ALL]  # those have tests
NAIVE_BREAKS = (
    "at-once both-at-once records full-and-partial success failure killed exit-time "
    "before-start asked-late stray somebody-stays outlives-manager orphans-reaped "
    "forwards viewer-sees stdin-arrives terminal"
).split()


@pytest.fixture
def fence(runtime):
    with Fence(f"{runtime.cgroup_parent}/fence") as inside:
        yield inside


@pytest.fixture
def try_on(fence):
    """Try a promise, by its name."""

    def give(name, launcher):
        return try_promise(BY_NAME[name], launcher, fence)

    return give


# --- on all that there is


@pytest.mark.parametrize("name", [check.name for check in OURS])
def test_our_shim_keeps_every_promise(runtime, try_on, name):
    verdict = try_on(name, Shim(runtime))
    assert verdict.kept, verdict


@pytest.mark.parametrize("name", [check.name for check in OURS])
def test_conmon_keeps_all_but_those_that_are_noted(conmon, try_on, name):
    """And a note that is not needed any more is a note too many."""
    verdict = try_on(name, conmon)
    noted = (name, conmon.name) in {(note.promise, note.launcher) for note in NOTES}
    assert verdict.kept != noted, verdict
    assert (note_on(verdict) is not None) == noted


@pytest.mark.parametrize("name", NAIVE_BREAKS)
def test_without_a_shim_they_are_broken(runtime, try_on, name):
    with hasty(1.5):
        assert not try_on(name, Naive(runtime)).kept


@pytest.mark.parametrize(
    ("broken", "name"),
    [(broken, name) for broken in BROKEN_SHIMS for name in broken.breaks],
    ids=lambda it: getattr(it, "name", it),
)
def test_a_shim_that_is_wrong_is_noticed(runtime, try_on, broken, name):
    """Soon: what loses a race may win it once, on a busy machine."""
    for _ in range(3):
        with hasty(1.5):
            verdict = try_on(name, Shim(runtime, broken.program, name="wrong"))
        if not verdict.kept:
            return
    pytest.fail(str(verdict))


@pytest.mark.parametrize("broken", BROKEN_SHIMS, ids=lambda it: it.name)
def test_a_shim_that_is_wrong_is_wrong_in_one_thing(runtime, try_on, broken):
    """Or it would be noticed for a slip in its own change, which says nothing."""
    verdict = try_on(broken.keeps, Shim(runtime, broken.program, name="wrong"))
    assert verdict.kept, verdict


# --- what a promise is


def test_promises_are_sentences_with_names_of_their_own():
    assert len(PROMISES) >= 30
    assert len(BY_NAME) == len(PROMISES)
    for check in PROMISES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", check.name)
        assert re.fullmatch(r"[a-z][^.]{15,60}[^.]", check.promise), check.promise


def test_notes_are_about_promises_that_there_are():
    assert {note.promise for note in NOTES} <= set(BY_NAME)


# --- what hangs, runs away or raises


def test_a_program_that_hangs_is_ended_and_has_broken_its_promise(
    runtime, fence, bundle, tmp_path
):
    hanging = tmp_path / "hanging"
    hanging.write_text(f"#!/bin/sh\necho $$ >>{tmp_path}/pids\nexec sleep 1000\n")
    hanging.chmod(0o700)
    directory = bundle("hello").directory
    check = Check("hang", "it ends", lambda it, _: it.create("it", directory))
    verdict = try_promise(check, Shim(runtime, (str(hanging),)), fence, limit=0.3)
    assert verdict.broken.seen == "nothing after 0.3 s, and so all was ended"
    (pid,) = (tmp_path / "pids").read_text().split()
    assert ends(int(pid))


def test_an_error_that_nobody_thought_of_breaks_a_promise(runtime, fence):
    def body(launcher, evidence):
        raise ZeroDivisionError("the moon is full")

    verdict = try_promise(Check("moon", "it ends", body), Shim(runtime), fence)
    assert verdict.broken.seen == "ZeroDivisionError: the moon is full"


def test_who_is_inside_the_fence_is_ended_and_we_are_where_we_were(runtime):
    before = cgroups.of_process(os.getpid(), "pids")
    group = f"{runtime.cgroup_parent}/fence"
    read_end, write_end = os.pipe()
    with Fence(group):
        assert cgroups.of_process(os.getpid(), "pids") != before
        twice = "setsid sleep 1000 >/dev/null & echo $!"
        to_us = (os.POSIX_SPAWN_DUP2, write_end, 1)
        os.posix_spawn("/bin/sh", ["sh", "-c", twice], os.environ, file_actions=[to_us])
        os.close(write_end)
        pid = int(reads(read_end, b"\n"))
    os.close(read_end)
    os.wait()
    assert ends(pid)
    assert cgroups.of_process(os.getpid(), "pids") == before
    assert not (cgroups.tree("pids") / group).exists()


def test_within_gives_the_answer_or_its_error_or_gives_up():
    assert within(5, lambda: 7) == 7
    with pytest.raises(TimeoutError, match=r"no answer in 0\.01 s"):
        within(0.01, lambda: eventually_there(lambda: False, 0.1))
    with pytest.raises(TimeoutError, match="mine"):
        within(5, lambda: (_ for _ in ()).throw(TimeoutError("mine")))


# --- the matrix


def verdict(name, launcher, broken=None):
    return Verdict(BY_NAME[name], launcher, broken, Evidence(["it was seen"]))


VERDICTS = [
    verdict("success", "Shim"),
    verdict("success", "Conmon"),
    verdict("code-or-signal", "Shim", Broken("exit code 137", "nothing")),
    verdict("code-or-signal", "Conmon", Broken("exit code 137", "SIGKILL")),
]


def test_the_matrix_has_a_row_for_each_promise_and_a_column_for_each_launcher():
    assert matrix(VERDICTS).splitlines() == [
        "                  Shim  Conmon",
        "",
        "its end",
        "  success          ✓      ✓     a success is told: exit code 0",
        "  code-or-signal   ✗      ○     the code 137 is not taken for a death by SIGKILL",
        "",
        "kept               1      1     of 2",
        "",
        "✓ kept   ✗ broken   ○ broken, and we know why: see below",
    ]


def test_evidence_is_told_of_what_is_broken_and_the_note_if_there_is_one():
    ours, theirs = evidence(VERDICTS).split("\n\n")
    assert ours.startswith("code-or-signal on Shim: BROKEN")
    assert "note" not in ours
    assert "\n  note      its exit file has one number for both" in theirs


def test_rows_are_the_same_for_machines():
    kept, _, ours, theirs = json.loads(json.dumps(rows(VERDICTS)))
    assert kept["kept"]
    assert kept["evidence"] == ["it was seen"]
    assert kept["expected"] is kept["saw"] is kept["note"] is None
    assert (ours["promise"], ours["launcher"]) == ("code-or-signal", "Shim")
    assert (ours["expected"], ours["saw"]) == ("exit code 137", "nothing")
    assert theirs["note"].startswith("its exit file")


# --- the command

FORGETFUL = '''\
    #!{python}
    """A first try: it creates, reports the pid, and goes."""
    import os, subprocess, sys
    given = dict(word[2:].partition("=")[::2] for word in sys.argv[1:])
    place = given["directory"]
    runtime = [given["runtime"], "--root", given["root"], "create"]
    files = ["--bundle", place + "/bundle", "--pid-file", place + "/pid"]
    done = subprocess.run([*runtime, *files, given["id"]])
    pid = int(open(place + "/pid").read())
    os.write(int(os.environ["_OCI_SYNCPIPE"]), b'{{"pid": %d}}\\n' % pid)
'''


@pytest.fixture
def forgetful(tmp_path):
    """A learner's shim."""
    program = tmp_path / "first-try"
    program.write_text(dedent(FORGETFUL.format(python=sys.executable)))
    program.chmod(0o700)
    return program


def test_a_learner_s_own_shim_is_examined(forgetful, capsys):
    wanted = ["--shim", str(forgetful), "--only", "success", "living-pid"]
    assert main(["conformance", *wanted]) == 1
    said = capsys.readouterr().out
    names = "Naive  Shim  first-try"
    names = names.replace("first", "Conmon  first") if shutil.which("conmon") else names
    assert names in said
    assert re.search(r"  living-pid  .* ✓      create tells", said)
    assert re.search(r"  success     .* ✗      a success", said)
    assert "success on first-try: BROKEN" in said
    assert "ExitLost" in said


def test_ours_is_examined_otherwise_and_machines_are_told_as_well(capsys):
    assert main(["conformance", "--only", "success", "--json"]) == 0
    out, err = capsys.readouterr()
    told = {row["launcher"]: row["kept"] for row in json.loads(out)}
    assert told["Shim"]
    assert not told["Naive"]
    assert "conformance" in err


def test_it_leaves_nothing(forgetful, capsys):
    """Not even what a shim has left that forgets all."""
    promises = [BY_NAME[name] for name in ("stray", "delete-running", "at-once")]
    conformance.try_all(promises, forgetful)
    assert main(["clean"]) == 0
    assert "removed process" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (None, 0, "mine is no program that can be started"),
        ("#!/bin/sh\n", 0o600, "mine is no program that can be started"),
        ("echo hello\n", 0o700, "mine is no program that can be started"),
        ("", 0o700, "mine is no program that can be started"),
        ("#!/no/such/python -I\n", 0o700, "mine asks for '/no/such/python', and"),
        ("#! /bin/sh\r\n", 0o700, r"mine asks for '/bin/sh\r', and there is none"),
    ],
)
def test_a_shim_that_cannot_be_started_is_refused_first(
    tmp_path, capsys, text, mode, words
):
    program = tmp_path / "mine"
    if text is not None:
        program.write_text(text)
        program.chmod(mode)
    assert main(["conformance", "--shim", str(program), "--only", "success"]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Shim", "my shim.py", f"{'x' * 250}.py"])
def test_a_learner_s_shim_may_be_called_anything(forgetful, capsys, name):
    """It has a column of its own, and its containers have names that are allowed."""
    program = forgetful.rename(forgetful.with_name(name))
    assert main(["conformance", "--shim", str(program), "--only", "living-pid"]) == 0
    mine = f"your {name}" if name == "Shim" else name
    assert f"  {mine}\n" in capsys.readouterr().out


def test_who_always_hangs_has_less_time_until_it_answers(runtime, fence, monkeypatch):
    """A matrix of a hundred promises is to be there in minutes, not in half an hour."""
    monkeypatch.setattr(examining, "LIMIT", 0.5)
    monkeypatch.setattr(examining, "SHORT", 0.1)
    hangs = Check("hang", "it ends", lambda *_: time.sleep(2))
    keeps = Check("keep", "it ends", lambda *_: None)
    promises = [hangs] * 4 + [keeps, hangs]
    verdicts = examining.examine(promises, [Shim(runtime)], fence)
    seen = [
        verdict.broken and verdict.broken.seen.split(",")[0] for verdict in verdicts
    ]
    long, short = "nothing after 0.5 s", "nothing after 0.1 s"
    assert seen == [long, long, long, short, None, long]


def test_an_unknown_promise_is_refused_before_anything_runs(capsys):
    with pytest.raises(SystemExit):
        main(["conformance", "--only", "sucess"])
    assert "sucess" in capsys.readouterr().err
