"""Those who have connected to the streaming port, and have shown no good token yet.

Everybody on the machine may connect, and who says nothing holds a descriptor and a task
of ours for as long as we are patient.  So there are MOST of them at a time, and for one
more the oldest goes.  To turn the newest away, as a full queue would, is what somebody
wants who takes all places and is silent: then nobody else comes in.  Whoever has a token
shows it as soon as he is connected, and is no stranger before MOST others have come.
"""

import asyncio

MOST = 64
FULL = f"it showed no token, and {MOST} more strangers have come"

Client = asyncio.Task[None]


class Strangers:
    """Clients, the oldest first."""

    def __init__(self) -> None:
        self._clients: dict[Client, None] = {}  # a set has no order

    def add(self, client: Client) -> None:
        """One more; it is one until it ends, unless it is `known` before."""
        if len(self._clients) >= MOST:
            oldest = next(iter(self._clients))
            self.known(oldest)
            oldest.cancel(FULL)
        self._clients[client] = None
        client.add_done_callback(self.known)

    def known(self, client: Client) -> None:
        """It has shown a token, or has gone."""
        self._clients.pop(client, None)
