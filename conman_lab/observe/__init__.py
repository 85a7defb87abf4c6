"""Looking at processes from outside, without being in their way.

    procfs       what there is now: a record for each process, the tree below any
    trace        what happened, as data: events, and the lives that they make

A look is a moment.  What lives for two milliseconds between two looks was never there,
and most of a runtime's own processes are of that kind; hence, beside the looks, the
kernel's own account of each fork, exec and exit.
"""
