"""The daemon: a manager behind a socket, for as many clients as there are.

    listener   the socket, made or inherited, for root and its owner alone
    service    each call: who asks, what is asked, what went wrong
    unary      one question, one answer
    asked      what a request asks for, and whether it makes sense
    streams    logs and events, as they come, from sources that somebody can close
    sessions   attach and exec, over gRPC
    addresses  attach as conman has it: the address of a stream, with a token in it
    streaming  the server behind these addresses; it speaks websocket, and
               spdy as elder clients do; strangers are few at a time
    threads    where a manager's calls block, so that nobody else waits

It holds no container: their shims do.  It may end at any time, and begin again.
"""
