"""What it costs to be stayed with: measured side by side, in one run.

A machine is fast today and slow tomorrow, and others work on it: only the ratios carry
over.  So each benchmark measures its own reference, and the contestants take turns.

measure.py      a discipline, its runs, and what came of them
contestants.py  who takes part: the launchers that this machine has
gate.py         lets a container's command begin when we say so
launch.py       from create to the report that the container is there
notice.py       from the kernel's exit of its process to the exit file
logs.py         lines in, records out: bytes a second, and what they cost
cat.py          the reference of logs.py: a pipe, cat(1) and a file
memory.py       what keepers of sleeping containers hold
watched.py      a container's life with a trace of it, and without
manager.py      from create to deleted: one, and two hundred at four at a time
scale.py        the last of five hundred against the first; a list, a restore
lives.py        their contestants: the bare runtime, and our manager
meter.py        the processor time of a process that is not ours
goals.py        what we want our figures to be
report.py       a table, JSON, the panels of a plot
"""
