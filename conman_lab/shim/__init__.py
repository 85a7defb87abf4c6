"""The program that stays: one for each container, from its creation to its end.

protocol.py  what shim and manager must agree on: Options, Report, the exit file
__main__.py  the biography: [main], [shim], [runtime]; read it first
spawn.py     `runc create`, started
creation.py  did it work?
parts.py     the rest, imported while the runtime is busy
loop.py      one thread, one epoll, callbacks
reaper.py    who died, and how
output.py    two pipes (or one terminal) in, any number of listeners out
appender.py  a file to append to that never raises: full disks, rotation
logs.py      the log, in the kubelet's format; and reading it back
attach.py    viewers on a socket: what they see, and what they type
guest.py     one of them
address.py   sockets at paths of any length
stdin.py     what they type, on its way to the container
console.py   the terminal, received from the runtime
ctl.py       a fifo: another size of the window, another log
oom.py       was it the kernel's out-of-memory killer?
diary.py     shim.log: what the shim has to say about itself
exitfile.py  how it ended, whole or not at all

and the manager's side:

launch.py    start a shim, hear its report; and the launcher `Shim`
zygote.py    a warm process that forks shims; warm.py, its manager's end
kept.py      what has a shim, and the files that tell of it
exec.py      a command more in a container: a shim with another verb
viewer.py    look at it, and type
"""
