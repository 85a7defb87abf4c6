"""The client on the command line: conman's words, and ours beside them.

    commands     the table of what can be said; parser and completion are made of it
    verbs        a request, an answer, and how it is shown
    watching     logs and events, which go on
    sessions     run, attach and exec
    talk         one of those, until it ends
    keyboard     our own terminal, lent to a container for a while
    shown        an answer as JSON, or as a table; tables, which columns
    progress     that we still wait, on a terminal
    completion   what a shell may offer next

It starts as quickly as it can: a command imports what it needs and no more.
"""
