"""The workspace: what was started, what is left, and whether the machine is fit.

In a notebook: `from conman_lab.lab import Lab`, then `lab = Lab("02-naive-runc")`.

workspace.py  Lab: one notebook's home, its runtime, its bundles, its end
lock.py       one kernel at a time
started.py    processes that cannot run before they are noted
predict.py    a guess beside the fact
mode.py       CONMAN_LAB_MODE=replay: nothing is started; replay.py: the Lab of that
registry.py   what there is of a lab, read from disk and kernel
clean.py      removes exactly that
bundles.py    the course's bundles, with their root file systems
runner.py     executes notebooks
freeze.py     writes their committed outputs
doctor.py     looks at the machine: machine.py, ingredients.py; diagnosis.py has the words
jupyterlab.py opens the notebooks; kernelspec.py, kernel.py: as root, whoever we are
"""

from typing import TYPE_CHECKING

from .mode import replaying

if not TYPE_CHECKING and replaying():
    from .replay import ReplayLab as Lab
else:
    from .workspace import Lab

__all__ = ["Lab"]
