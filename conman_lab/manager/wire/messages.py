"""Protocol buffers' messages from a table that people can read.

    Container = { 1 id:string, 2 tags[]:string, 3 labels:map<string,string>, 4 exit?:int32 }
    enum State = { 0 CREATED, 1 RUNNING }

A message on the wire is numbers and values; names are for us.  `[]` is a list, and what
has a `?` knows whether it was given, where the others are 0 or empty until then.  The
table becomes the same descriptors that protoc would have compiled from a .proto file,
and they become classes, in a millisecond, as we are imported: no generated code, no
compiler to install.  https://protobuf.dev/programming-guides/proto3
"""

import re
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

Classes = dict[str, type[Message]]
Field = descriptor_pb2.FieldDescriptorProto

ROW = re.compile(r"(enum )?(\w+) = \{(.*?)\}", re.DOTALL)
ENTRY = re.compile(r"(\d+) (\w+)(\[\]|\?)?(?::(map<\w+,\w+>|\w+))?")
SCALARS = {
    name: getattr(Field, f"TYPE_{name.upper()}")
    for name in "string bytes bool double int32 int64 uint32 uint64".split()
}


def classes(table: str, package: str = "") -> Classes:
    """A class for each message of `table`, by its name."""
    file = _file(table, package)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindFileByName(file.name).message_types_by_name
    return {
        name: message_factory.GetMessageClass(descriptor)
        for name, descriptor in found.items()
    }


def _file(table: str, package: str) -> descriptor_pb2.FileDescriptorProto:
    """What protoc would have made of it."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package or 'conman'}.proto", package=package, syntax="proto3"
    )
    rows = [*ROW.finditer(table)]
    enums = {row[2] for row in rows if row[1]}
    for is_enum, name, body in (row.groups() for row in rows):
        if is_enum:
            _add_enum(file, name, body)
        else:
            _add_message(file, name, body, enums, package)
    return file


def _add_enum(file: descriptor_pb2.FileDescriptorProto, name: str, body: str) -> None:
    enum = file.enum_type.add(name=name)
    for number, value, _, _ in entries(body):
        enum.value.add(name=value, number=number)


def _add_message(
    file: descriptor_pb2.FileDescriptorProto,
    name: str,
    body: str,
    enums: set[str],
    package: str,
) -> None:
    message = file.message_type.add(name=name)
    place = f".{package}." if package else "."
    for number, field_name, mark, kind in entries(body):
        field = message.field.add(name=field_name, number=number)
        field.label = Field.LABEL_REPEATED if mark == "[]" else Field.LABEL_OPTIONAL
        if kind.startswith("map<"):
            _add_entry(message, kind[4:-1].split(","))
            field.label = Field.LABEL_REPEATED
            kind = f"{name}.{message.nested_type[-1].name}"
        _set_type(field, kind, enums, place)
        if mark == "?":  # as protoc does it: a choice between it and nothing
            field.oneof_index = len(message.oneof_decl)
            field.proto3_optional = True
            message.oneof_decl.add(name=f"_{field_name}")


def _add_entry(message: descriptor_pb2.DescriptorProto, kinds: list[str]) -> None:
    """A map is a list of pairs; the name that protoc gives these is not looked at."""
    name = _camel(message.field[-1].name) + "Entry"
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    for number, (word, kind) in enumerate(zip(("key", "value"), kinds, strict=True), 1):
        field = entry.field.add(name=word, number=number, label=Field.LABEL_OPTIONAL)
        _set_type(field, kind, set(), "")


def _set_type(field: Any, kind: str, enums: set[str], place: str) -> None:
    if kind in SCALARS:
        field.type = SCALARS[kind]
    else:
        field.type = Field.TYPE_ENUM if kind in enums else Field.TYPE_MESSAGE
        field.type_name = place + kind


def entries(body: str) -> Iterator[tuple[int, str, str, str]]:
    """Number, name, mark and type of each."""
    for words in filter(None, re.split(r",?\s+(?=\d)", body.rstrip())):
        entry = ENTRY.fullmatch(words)
        assert entry, f"not NUMBER NAME:TYPE: {words}"
        yield int(entry[1]), entry[2], entry[3] or "", entry[4] or ""


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
