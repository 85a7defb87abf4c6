"""What any shim promises, tried for real on ours, on conmon, and on a learner's.

conmon.py    conmon as a launcher: the oracle
patience.py  to wait for a fact, and not for ever
trial.py     one promise, one launcher, one stage

creation.py inside.py output.py records.py ends.py
keeping.py watching.py terminal.py removal.py
             the promises
promises.py  all of them, in groups
notes.py     those that an elder breaks, and why

fence.py     what was started is found again
examine.py   tries them all, whatever they do
matrix.py    promise x launcher, and the evidence
"""
