"""The daemon's life: one root, one socket, until SIGTERM; its containers stay."""

import asyncio
import os
import signal
from contextlib import ExitStack

from conman_lab.files import write_atomically
from conman_lab.identity import Identity
from conman_lab.manager.manager import Manager
from conman_lab.names import make_private

from .desk import Desk
from .gathered import GatheringServer
from .journal import Journal
from .links import Links
from .listener import Inherited, Listener
from .options import Options
from .service import Service
from .streaming import Streaming
from .systemd import Notifier, activated
from .threads import Threads
from .waits import Ends

SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve(options: Options, journal: Journal) -> None:
    """Serve until a signal.  RootTaken, SocketTaken, RuntimeMissing, OSError."""
    notifier = Notifier()
    with ExitStack() as stack:
        manager = Manager(options.lib_root, options.runtime())
        stack.callback(manager.close)
        stack.callback(Links(options.container_logs, manager).close)
        fd = activated()
        listener = Listener(options.listen) if fd is None else Inherited(fd)
        stack.callback(listener.close)
        _note_ourselves(options)  # not before: the place may be another daemon's
        where = options.listen if fd is None else "the socket that was handed to us"
        threads = Threads()
        streaming = Streaming(options.streaming_addr, threads, journal)
        desk = Desk(manager, threads, Ends(manager, threads), streaming)
        journal.say(
            "ready",
            pid=os.getpid(),
            socket=where,
            root=options.lib_root,
            streaming=await streaming.start(),
        )
        await _until_a_signal(desk, listener, journal, notifier)
    journal.say("stopped", words="the containers go on")


async def _until_a_signal(
    desk: Desk,
    listener: Listener | Inherited,
    journal: Journal,
    notifier: Notifier,
) -> None:
    """Serve, and then end all calls: those that change something come to their end."""
    stop = asyncio.Event()
    for signum in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    server = GatheringServer([Service(desk, journal)])
    await server.start(sock=listener.socket)
    notifier.say("READY=1")
    await stop.wait()
    notifier.say("STOPPING=1")
    journal.say("stopping")
    server.close()
    await server.wait_closed()
    await desk.streaming.close()
    await asyncio.to_thread(desk.threads.close)


def _note_ourselves(options: Options) -> None:
    """Who we are, for people, and for the lab whose home we were given."""
    us = str(Identity.of(os.getpid())).encode()
    pid_file = make_private(options.run_root) / "conmand.pid"
    write_atomically(pid_file, us, durable=False)
    if options.is_a_labs:
        notes = make_private(options.lib_root / "processes")
        write_atomically(notes / str(os.getpid()), us, durable=False)
