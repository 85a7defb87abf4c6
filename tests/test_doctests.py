"""The examples in the docstrings of floor, story and instruments are true."""

import doctest
from importlib import import_module

import pytest
from test_floors import modules, room_of

ELSEWHERE = ("adapters", "microvm")  # need programs that are not everywhere


@pytest.mark.parametrize(
    "module", [name for name in modules() if room_of(name) not in ELSEWHERE]
)
def test_the_examples_are_true(module):
    outcome = doctest.testmod(import_module(module))
    assert outcome.failed == 0


def test_there_are_examples():
    """Or the test above would find none, and be content."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    module = import_module("conman_lab.linux")
    assert any(found.examples for found in finder.find(module))
