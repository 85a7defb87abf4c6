"""A call whose other end is no conmand, or lies, or whose threads are in each other's way."""

import socket
import threading

import h2.config
import h2.connection
import h2.events
import pytest

from conman_lab.errors import InvalidArgument, LabError, Unreachable
from conman_lab.manager.client import Client
from conman_lab.manager.wire.call import Call
from conman_lab.manager.wire.connection import Connection
from conman_lab.manager.wire.schema import METHODS

CONFIG = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
GOOD = {":status": "200"}
WELL = {"grpc-status": "0"}


class Liar:
    """Listens at `path`; `answer` is given each connection, one after the other."""

    def __init__(self, path, answer):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._answer = answer
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:  # EINVAL: shut down
                return
            try:
                self._answer(line)
            except OSError:  # EPIPE: the client has heard enough
                pass
            finally:
                line.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def noise(data):
    """Say this to whoever asks something, and hang up."""

    def answer(line):
        line.recv(65536)
        line.sendall(data)

    return answer


def grpc(headers, data, trailers):
    """Answer each call with that, in good HTTP/2."""

    def answer(line):
        server = h2.connection.H2Connection(CONFIG)
        server.initiate_connection()
        while received := line.recv(65536):
            for event in server.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    say(server, event.stream_id)
            line.sendall(server.data_to_send())

    def say(server, id):
        server.send_headers(id, [*headers.items()])
        if data:
            server.send_data(id, data)
        if trailers:
            server.send_headers(id, [*trailers.items()], end_stream=True)
        else:
            server.end_stream(id)

    return answer


LIES = {
    "HTTP/1.1": noise(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "zeros": noise(b"\0" * 100),
    "ones": noise(b"\xff" * 100),
    "nothing": noise(b""),
    "no message": grpc(GOOD, b"", WELL),
    "another message": grpc(GOOD, b"\0\0\0\0\5abcde", WELL),
    "half a message": grpc(GOOD, b"\0\0\0\0\5abc", WELL),
    "a compressed one": grpc(GOOD, b"\1\0\0\0\0", WELL),
    "a giant one": grpc(GOOD, b"\0\xff\0\0\0", WELL),
    "no status": grpc(GOOD, b"", None),
    "a status that is none": grpc(GOOD, b"", {"grpc-status": "x"}),
    "another service": grpc(
        GOOD, b"", {"grpc-status": "12", "grpc-message": "unknown service Conman"}
    ),
    "a web server": grpc({":status": "404"}, b"not found", None),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_conmand_is_said_in_words(lie, tmp_path):
    with Liar(tmp_path / "sock", LIES[lie]), Client(tmp_path / "sock") as client:
        for _ in range(2):
            with pytest.raises(Unreachable, match=str(tmp_path)):
                client.status("web")


@pytest.mark.parametrize("trailer", ["!!!", "AAAA", "////"])
def test_of_a_trailer_that_makes_no_sense_the_rest_is_told(trailer, tmp_path):
    words = {"grpc-status": "3", "grpc-message": "that%20is", "conman-failure-bin": ""}
    lie = grpc(GOOD, b"", words | {"conman-failure-bin": trailer})
    with (
        Liar(tmp_path / "sock", lie),
        Client(tmp_path / "sock") as client,
        pytest.raises(InvalidArgument, match="that is"),
    ):
        client.status("web")


def test_a_code_that_nobody_knows_is_an_error(tmp_path):
    words = {"grpc-status": "99", "grpc-message": "odd"}
    with (
        Liar(tmp_path / "sock", grpc(GOOD, b"", words)),
        Client(tmp_path / "sock") as client,
        pytest.raises(LabError, match="odd"),
    ):
        client.status("web")


class Unlucky(Call):
    """Its reader looks, and at once its sender takes in what the reader waits for."""

    def __init__(self, *args):
        self.looked, self.taken = threading.Event(), threading.Event()
        super().__init__(*args)

    def _next(self):
        reply = super()._next()
        if reply is None and not self.looked.is_set():
            self.looked.set()
            self.taken.wait(0.5)  # in vain, if nothing can come in between
        return reply

    def _take(self, event):
        super()._take(event)
        if isinstance(event, h2.events.DataReceived):
            self.taken.set()


def stingy(line):
    """Take as much as HTTP/2 allows from the beginning, answer, and take no more."""
    server, received = h2.connection.H2Connection(CONFIG), 0
    server.initiate_connection()
    while data := line.recv(65536):
        for event in server.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                received += len(event.data)
                if received == 65535:
                    server.send_headers(event.stream_id, [*GOOD.items()])
                    server.send_data(event.stream_id, b"\0\0\0\0\0")
        line.sendall(server.data_to_send())


def test_what_comes_between_a_look_and_a_wait_is_seen(tmp_path):
    """Two threads: one reads, and one sends more than the other end takes."""
    method = METHODS["Session"]
    with Liar(tmp_path / "sock", stingy):
        connection = Connection(tmp_path / "sock")
        call = Unlucky(connection, method)

        def send():
            call.looked.wait(10)
            with pytest.raises(Unreachable):  # as we hang up
                call.send(method.request(input=b"x" * 100_000))

        sender = threading.Thread(target=send)
        sender.start()
        try:
            assert call.read(timeout=5) == method.reply()
        finally:
            connection.close()
            sender.join()
