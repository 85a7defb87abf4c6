"""What is seen in a notebook, in a terminal, on a page.

    tree(lab)            the processes, by names that do not change: P1, P2 ...
    tree(lab).live()     the same, while they come and go
    swimlane(trace)      a trace over time: who was born of whom, and when
    lifecycle(container) the states of its life, and where it is
    terminal(container)  its screen, and a keyboard
    show(Runtime.run)    the source of anything here
    show_map(store)      what a module says of itself
    diff(old, new)       what changes from one to the other

Each has three faces: text, HTML for a reader without a kernel, and, where time matters,
a widget.  The faces are stable: two runs of a lesson look alike.
"""

from .lifecycle import lifecycle
from .source import diff, show, show_map
from .swimlane import swimlane
from .terminal import terminal
from .tree import tree

__all__ = ["diff", "lifecycle", "show", "show_map", "swimlane", "terminal", "tree"]
