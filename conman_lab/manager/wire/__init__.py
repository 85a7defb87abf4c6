"""What goes over the socket: messages, errors, and the client's end of HTTP/2.

    schema      the service as a table; messages makes classes of it
    convert     a container as messages, and back; parts, what it is made of
    failures    errors over the wire, and back
    framing     messages among the bytes of a stream
    connection  a client's end of HTTP/2; call, one call over it; streams, its replies
    channel     calls to one daemon, and the connections that are kept for them

Nothing here knows a container's life: it is the border, and both ends of it are told
from the same tables.  protobuf and h2 are imported in this room, by whoever serves or
calls, and never by `conman_lab.manager` itself.
"""
