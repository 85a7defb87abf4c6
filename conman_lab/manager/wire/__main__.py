"""The service as a `.proto` file, for protoc, grpcurl and programs in other languages.

`python -m conman_lab.manager.wire > conman.proto`, and for instance

    grpcurl -plaintext -proto conman.proto -unix /run/conmand.sock Conman/Version

The syntax: https://protobuf.dev/reference/protobuf/proto3-spec
"""

from collections.abc import Iterator

from .messages import ROW, entries
from .schema import MESSAGES, SERVICE
from .schema import ROW as METHOD

LABELS = {"[]": "repeated ", "?": "optional ", "": ""}


def proto() -> Iterator[str]:
    """Its lines."""
    yield 'syntax = "proto3";'
    yield "service Conman {"
    for name, asks_on, request, answers_on, reply in METHOD.findall(SERVICE):
        yield f"  rpc {name} ({asks_on}{request}) returns ({answers_on}{reply});"
    yield "}"
    for is_enum, name, body in ROW.findall(MESSAGES):
        yield f"{is_enum or 'message '}{name} {{"
        for number, word, mark, kind in entries(body):
            field = word if is_enum else f"{LABELS[mark]}{kind} {word}"
            yield f"  {field} = {number};"
        yield "}"


if __name__ == "__main__":
    print(*proto(), sep="\n")
