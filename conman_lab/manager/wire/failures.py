"""Errors over the wire: one table, read from left to right by the daemon, and back.

A gRPC error is a code and a sentence; a client of conman's reads these.  Ours must raise
what `Manager` raises, and several of our classes share a code, so a trailer names the
class and has what else it knows.  https://grpc.github.io/grpc/core/md_doc_statuscodes.html
"""

import os
from contextlib import suppress
from enum import IntEnum
from typing import Any

from google.protobuf.message import DecodeError

from conman_lab import errors
from conman_lab.errors import BadBundle, LabError, RuntimeFailed

from .schema import MESSAGE

Failure = MESSAGE["Failure"]

TRAILER = "conman-failure-bin"  # -bin: its value is bytes, in base64
MOST_WORDS = 4000  # bytes of a message: all headers together must fit into 64 KiB


class Code(IntEnum):
    """gRPC's status codes."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


# The first class of a code is what a stranger's answer without our trailer becomes; an
# error has the code of the first class here that it is an instance of.
TABLE: tuple[tuple[type[Exception], Code], ...] = (
    (errors.InvalidArgument, Code.INVALID_ARGUMENT),
    (errors.NameTaken, Code.ALREADY_EXISTS),
    (errors.NotFound, Code.NOT_FOUND),
    (errors.WrongState, Code.FAILED_PRECONDITION),
    (errors.Deadline, Code.DEADLINE_EXCEEDED),
    (errors.ExitLost, Code.DATA_LOSS),
    (errors.FellBehind, Code.DATA_LOSS),
    (errors.RuntimeFailed, Code.INTERNAL),
    (errors.LaunchFailed, Code.INTERNAL),
    (errors.NotPossible, Code.UNIMPLEMENTED),
    (errors.Unreachable, Code.UNAVAILABLE),
    (errors.RuntimeMissing, Code.UNAVAILABLE),
    (PermissionError, Code.PERMISSION_DENIED),
    (OSError, Code.UNKNOWN),
    (LabError, Code.UNKNOWN),
)


def code_of(error: Exception) -> Code:
    """What a gRPC client is told of it, whoever's client it is."""
    kinds = [kind for kind, _ in TABLE if isinstance(error, kind)]
    nearest = max(kinds, key=lambda kind: len(kind.__mro__), default=None)
    return dict(TABLE)[nearest] if nearest else Code.INTERNAL


def pack(error: Exception) -> bytes:
    """What the trailer holds."""
    failure = Failure(kind=_known_as(type(error)))
    if isinstance(error, BadBundle):
        failure.where, failure.field = str(error.where), error.field
        failure.expected = error.expected
    elif isinstance(error, RuntimeFailed):
        failure.command.extend(cut(word) for word in error.command[:64])
        failure.status, failure.words = error.status, cut(error.words)
    elif isinstance(error, OSError) and error.errno:
        failure.errno, failure.words = error.errno, str(error.filename or "")
    packed: bytes = failure.SerializeToString()
    return packed


def unpack(code: int, message: str, trailer: bytes | None) -> Exception:
    """The error that the daemon had, as its manager raised it."""
    failure = _failure(trailer)
    if failure.errno:
        name = [failure.words] if failure.words else []
        return OSError(failure.errno, os.strerror(failure.errno), *name)
    kind = _kind(failure.kind, code)
    error = kind.__new__(kind)
    Exception.__init__(error, message)  # the words are made already
    if isinstance(error, BadBundle):
        error.where, error.field = failure.where, failure.field
        error.expected = failure.expected
    elif isinstance(error, RuntimeFailed):
        error.command, error.status = tuple(failure.command), failure.status
        error.words = failure.words
    return error


def _failure(trailer: bytes | None) -> Any:
    """What else is known; of a stranger's trailer, nothing."""
    with suppress(DecodeError):
        return Failure.FromString(trailer or b"")
    return Failure()


def cut(words: str) -> str:
    """At most MOST_WORDS bytes of it, and that there was more.

    >>> cut("a" * 5000)[-7:]
    'aaa ...'
    """
    encoded = words.encode(errors="replace")
    if len(encoded) <= MOST_WORDS:
        return words
    return encoded[:MOST_WORDS].decode(errors="ignore") + " ..."


def _known_as(kind: type) -> str:
    """Its name, or that of the first of its bases which a client knows."""
    return next((it.__name__ for it in kind.__mro__ if _is_ours(it)), "")


def _is_ours(kind: type) -> bool:
    return kind.__module__ == errors.__name__


def _kind(name: str, code: int) -> type[Exception]:
    named = getattr(errors, name, None)
    if isinstance(named, type) and issubclass(named, LabError):
        return named
    coded = [kind for kind, its in TABLE if its == code and issubclass(kind, LabError)]
    if code == Code.PERMISSION_DENIED:
        return PermissionError
    return coded[0] if coded else LabError
