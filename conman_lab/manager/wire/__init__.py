"""What goes over the socket: messages, errors, and the client's end of HTTP/2.

Nothing here knows a container's life: it is the border, and both ends of it are told
from the same tables.  protobuf and h2 are imported in this room, by whoever serves or
calls, and never by `conman_lab.manager` itself.
"""
