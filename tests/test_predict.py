"""A guess beside the fact: the same text at each run, and no fact before the guess."""

from pathlib import Path

import pytest

from conman_lab.lab.predict import OPEN, RIGHT, WRONG, predict
from conman_lab.observe import Trace
from conman_lab.observe.polling import Poller

NAIVE = Path(__file__).parent / "traces" / "naive-run.json"


@pytest.mark.parametrize(
    ("guess", "fact", "verdict"),
    [
        ("init", "init", RIGHT),
        (" Init ", "init", RIGHT),
        (7, "7", RIGHT),
        ("runc", "init", WRONG),
        (["a", "b"], ("a", "b"), RIGHT),
        (["a"], ("a", "b"), WRONG),
        (["b", "a"], ("a", "b"), WRONG),
        ("a", ["a"], RIGHT),
        (0, 0, RIGHT),
        (False, 0, WRONG),
        (None, "init", OPEN),
        (..., "init", OPEN),
        ("", "init", OPEN),
    ],
)
def test_a_guess_is_right_if_it_says_the_same(guess, fact, verdict):
    assert predict("Who?", guess, fact).verdict == verdict


def test_the_fact_is_not_told_before_the_guess():
    said = predict("Who adopts it?", None, "init")
    assert "init" not in f"{said}{said._repr_html_()}"


def test_a_sequence_shows_the_step_that_differs():
    said = predict(
        "Which processes?", ["runc", "sleep"], ["runc", "runc init", "sleep"]
    )
    assert str(said).splitlines() == [
        "Which processes?",
        "     you said  seen",
        "     runc      runc",
        "  ≠  sleep     runc init",
        "  ≠  -         sleep",
        "not so",
    ]


def test_a_page_gets_no_markup_from_an_answer():
    assert "<i>" not in predict("a <i>?", "<i>", "<i>")._repr_html_()


def test_a_trace_answers():
    trace = Trace.load(NAIVE)
    assert (
        trace.parent_of("echo")
        == "runc … create --bundle …/bundle --pid-file …/pid hello"
    )
    assert trace.adopter_of("echo") == "init"
    assert trace.adopter_of("runc … start") == "nobody"
    assert str(trace.find("echo").exit) == "exit code 0"
    with pytest.raises(LookupError, match=r"was called 'sleep'$"):
        trace.find("sleep")


def test_a_polled_trace_that_does_not_answer_says_why():
    polled = Trace(source=Poller("the process connector does not answer").source)
    with pytest.raises(LookupError, match=r"'sleep': polling .*; \./lab check tells"):
        polled.find("sleep")
