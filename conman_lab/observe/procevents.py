"""The kernel's own account of each fork, exec and exit: the process connector.

A netlink socket, netlink(7); whoever listens hears of every process of the machine,
with the kernel's nanoseconds.  <linux/cn_proc.h>, <linux/connector.h>:

    nlmsghdr 16 | cn_msg 20: idx val seq ack len flags | what cpu ns 16 | its own fields

- Threads are processes to the kernel: `pid` is the thread, `tgid` the process.
- A listener that is too slow loses messages.  It gets ENOBUFS once, and each processor
  numbers its messages, so how many they were is what is missing.
- In another network namespace nobody answers (ECONNREFUSED).  In another pid or user
  namespace nobody answers either, but what others have asked for is heard: with pids
  that are the host's, and not ours.  So we wait for the answer to our own question.
"""

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from conman_lab.errors import NotPossible
from conman_lab.files import readable
from conman_lab.linux import Exit
from conman_lab.record import changed

from .events import Kind
from .messages import Message
from .threads import Threads

NETLINK_CONNECTOR, CN_IDX_PROC, CN_VAL_PROC, NLMSG_DONE = 11, 1, 1, 3
PROC_CN_MCAST_LISTEN, PROC_CN_MCAST_IGNORE = 1, 2
SO_RCVBUFFORCE = 33  # <asm/socket.h>; `socket` has no name for it
ROOM = 64 << 20  # bytes for what we have not read yet; used only in a storm
LONGEST = 4096
PATIENCE = 0.5  # seconds; the answer comes before send(2) returns

HEADERS = struct.Struct("=IHHII IIIIHH")  # nlmsghdr and cn_msg
SEQUENCE, SEQUENCE_AT = struct.Struct("=I"), 16 + 8  # a cn_msg's third field
WHAT = struct.Struct("=IIQ")  # what, cpu, ns
BODY_AT = HEADERS.size + WHAT.size
TWO, FOUR, SIX = struct.Struct("=2I"), struct.Struct("=4I"), struct.Struct("=6I")
NONE, FORK, EXEC, UID, SID, COMM, EXIT = 0, 1, 2, 4, 0x80, 0x200, 0x80000000
NO_PROCESSOR = 0xFFFFFFFF
FIRST_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO, <linux/proc_ns.h>


class Connector:
    """Listens from its making until `close`; NotPossible says why it cannot."""

    source = "process connector"
    every: float | None = None  # it is readable when there is something

    def __init__(self, room: int = ROOM) -> None:
        self._threads = Threads()
        self._sequences: dict[int, int] = {}  # the next number, by processor
        self._overrun = False
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        try:
            self._socket = socket.socket(socket.AF_NETLINK, kind, NETLINK_CONNECTOR)
        except OSError as error:  # EPROTONOSUPPORT: a kernel that was built without
            raise NotPossible(_why(error)) from error
        try:
            _make_room(self._socket, room)
            self._socket.bind((0, CN_IDX_PROC))
            self._ask(PROC_CN_MCAST_LISTEN)
            self._hear_the_answer()
        except OSError as error:
            self._socket.close()
            raise NotPossible(_why(error)) from error

    def fileno(self) -> int:
        """Readable when there are messages."""
        return self._socket.fileno()

    def read(self) -> Iterator[Message]:
        """What has come; it does not wait for more."""
        while True:
            try:
                data, (sender, _) = self._socket.recvfrom(LONGEST)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._overrun = True
                continue
            if sender == 0:  # the kernel
                yield from self._decode(data)

    def begin(self) -> Iterator[Message]:
        """Learn each processor's number; from now on a gap is known by its size."""
        yield from self.read()
        for _ in _on_each_processor():
            yield from self.read()

    def rest(self) -> Iterator[Message]:
        """The last of what has come, and how much was lost."""
        yield from self.read()
        if self._overrun:  # and after a gap nothing may have come that shows it
            yield from self.begin()
        yield from self._threads.rest()

    def close(self) -> None:
        """Hear no more."""
        with suppress(OSError):
            self._ask(PROC_CN_MCAST_IGNORE)
        self._socket.close()

    def _ask(self, what: int) -> None:
        body = struct.pack("=I", what)
        length, port = HEADERS.size + len(body), self._socket.getsockname()[0]
        netlink = (length, NLMSG_DONE, 0, 0, port)
        connector = (CN_IDX_PROC, CN_VAL_PROC, 0, port, len(body), 0)
        self._socket.send(HEADERS.pack(*netlink, *connector) + body)

    def _hear_the_answer(self) -> None:
        """Its `ack` is ours and one; all listeners hear the answers to all others."""
        ours = self._socket.getsockname()[0] + 1
        ends_at = time.monotonic() + PATIENCE
        while (left := ends_at - time.monotonic()) > 0:
            if not readable(self._socket.fileno(), timeout=left):
                break
            data = self._socket.recv(LONGEST)
            what, _, _ = WHAT.unpack_from(data, HEADERS.size)
            if what == NONE and HEADERS.unpack_from(data)[8] == ours & 0xFFFFFFFF:
                (refused,) = struct.unpack_from("=I", data, BODY_AT)
                if refused:
                    raise OSError(refused, os.strerror(refused))
                return
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    def _decode(self, data: bytes) -> Iterator[Message]:
        what, processor, ns = WHAT.unpack_from(data, HEADERS.size)
        if processor == NO_PROCESSOR:  # an answer to somebody, before Linux 6.6
            return
        (number,) = SEQUENCE.unpack_from(data, SEQUENCE_AT)
        missing = number - self._sequences.get(processor, number) & 0xFFFFFFFF
        self._sequences[processor] = number + 1 & 0xFFFFFFFF
        if missing:
            yield Message(ns, Kind.LOST, 0, lost=missing)
        if message := self._message(what, ns, data):
            yield message

    def _message(self, what: int, ns: int, data: bytes) -> Message | None:
        if what == FORK:
            _, parent, thread, pid = FOUR.unpack_from(data, BODY_AT)
            if thread == pid:
                return Message(ns, Kind.FORK, pid, parent)
            self._threads.born(pid)
            return None
        if what == EXIT:
            return self._exit(ns, *SIX.unpack_from(data, BODY_AT))
        thread, pid = TWO.unpack_from(data, BODY_AT)
        if what == EXEC:
            self._threads.executed(pid)
            return Message(ns, Kind.EXEC, pid)
        return _of_itself(what, ns, pid, data) if thread == pid else None

    def _exit(
        self, ns: int, thread: int, pid: int, status: int, _: int, __: int, parent: int
    ) -> Message | None:
        if thread != pid:
            return self._threads.other_ended(pid, ns, parent)
        end = Message(ns, Kind.EXIT, pid, parent, "", (), _how(status))
        return self._threads.first_ended(end)


@cache
def _how(status: int) -> Exit:
    """The few that there are, each made once: there may be ten thousand in a second."""
    return changed(Exit.from_wait_status(status), at=None)


def _of_itself(what: int, ns: int, pid: int, data: bytes) -> Message | None:
    """What a process does to itself."""
    if what == COMM:
        name = data[BODY_AT + TWO.size :].split(b"\0", 1)[0]
        return Message(ns, Kind.COMM, pid, name=name.decode(errors="replace"))
    if what == UID:
        _, _, real, effective = FOUR.unpack_from(data, BODY_AT)
        return Message(ns, Kind.UID, pid, name=f"{real}, {effective}")
    return Message(ns, Kind.SESSION, pid) if what == SID else None


def _make_room(netlink: socket.socket, room: int) -> None:
    """For what comes while we are not running: 20,000 messages or so need 16 MiB."""
    try:
        netlink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, room)
    except PermissionError:  # EPERM: only root gets more than rmem_max, socket(7)
        netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)


def _on_each_processor() -> Iterator[int]:
    """Cause a message on each: our thread gives itself the name that it has."""
    allowed = os.sched_getaffinity(0)
    try:
        for processor in allowed:
            os.sched_setaffinity(0, {processor})
            with open("/proc/thread-self/comm", "r+b", 0) as file:
                file.write(file.read().rstrip(b"\n"))
            yield processor
    finally:
        os.sched_setaffinity(0, allowed)


def _why(error: OSError) -> str:
    if error.errno == errno.ECONNREFUSED:
        return "the process connector is in the first network namespace alone"
    if error.errno == errno.ETIMEDOUT:
        with suppress(OSError):
            if os.readlink("/proc/self/ns/pid") != FIRST_PID_NAMESPACE:
                return "the process connector knows the pids of the first pid namespace"
        return "the process connector does not answer: is this a user namespace?"
    if error.errno in (errno.EPERM, errno.EACCES):
        return "the process connector needs root, before Linux 6.6"
    return f"the process connector is not to be had: {error.strerror}"
