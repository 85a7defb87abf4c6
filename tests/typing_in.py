"""Pexpect, at an attach socket: script what is typed, and wait for what is seen."""

import pexpect
from pexpect.spawnbase import SpawnBase


class Session(SpawnBase):
    """A viewer that expects; at the end of a `with` it lets go."""

    def __init__(self, viewer, timeout=10):
        super().__init__(timeout=timeout)
        self.viewer = viewer

    def read_nonblocking(self, size=1, timeout=None):
        """The next message, of whatever size: what pexpect asks for."""
        try:
            message = self.viewer.read(self.timeout if timeout == -1 else timeout)
        except TimeoutError as late:
            raise pexpect.TIMEOUT(str(late)) from late
        if message is None:
            self.flag_eof = True
            raise pexpect.EOF("the container has ended")
        return message[1]

    def send(self, text):
        """Type it."""
        self.viewer.send(self._coerce_send_string(text))

    def sendline(self, text=""):
        """Type it, and Enter, which on a keyboard is CR."""
        self.send(f"{text}\r")

    def sendcontrol(self, letter):
        """Type a letter with the control key."""
        self.send(chr(ord(letter.upper()) - 64))

    def __exit__(self, *error):
        self.viewer.close()
