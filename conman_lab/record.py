"""`@record`: a frozen dataclass that does not import `dataclasses`.

That module imports `inspect`, and `inspect` half of the compiler: 12 ms and 1.9 MiB,
which every container would pay, because its shim is a Python of its own.  The type
checker is told that a record is a frozen dataclass; what that means is below.
"""

TYPE_CHECKING = (
    False  # type checkers take it for true, and `typing` is not cheap either
)
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True)
    def record(cls: type[T]) -> type[T]:
        """A class with annotated fields is a frozen dataclass."""
        return cls

else:

    def record(cls: type) -> type:
        """Give a class with annotated fields what `_METHODS` has."""
        cls.__match_args__ = tuple(cls.__annotations__)
        for name, method in _METHODS.items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
        return cls


def fields(thing: "Any") -> "dict[str, Any]":
    """The fields of a record, by name.

    >>> from conman_lab.linux import Exit
    >>> fields(Exit(code=7))
    {'code': 7, 'signal': None, 'at': None, 'oom': False}
    """
    return dict(thing.__dict__)


def changed(thing: "T", **changes: "Any") -> "T":
    """The same record, but; `dataclasses.replace` for records.

    >>> from conman_lab.linux import Exit
    >>> print(changed(Exit(signal=9), oom=True))
    killed by SIGKILL: out of memory
    """
    return type(thing)(**fields(thing) | changes)


def _init(self: "Any", *args: "Any", **named: "Any") -> None:
    names = self.__match_args__
    given = dict(zip(names, args, strict=False))
    if len(args) > len(names) or given.keys() & named.keys():
        raise TypeError(f"{type(self).__name__} takes once each: {', '.join(names)}")
    given |= named
    for name in names:
        if name not in given and not hasattr(type(self), name):
            raise TypeError(f"{type(self).__name__} needs {name}")
        self.__dict__[name] = given.pop(name, getattr(type(self), name, None))
    if given:
        raise TypeError(f"{type(self).__name__} has no field {', '.join(given)}")


def _refuse(self: "Any", name: str, value: object = None) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen: make a changed one")


def _same(self: "Any", other: object) -> bool:
    return type(self) is type(other) and bool(self.__dict__ == other.__dict__)


def _hash(self: "Any") -> int:
    return hash(tuple(self.__dict__.values()))


def _show(self: "Any") -> str:
    inside = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
    return f"{type(self).__name__}({inside})"


_METHODS = {
    "__init__": _init,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
    "__eq__": _same,
    "__hash__": _hash,
    "__repr__": _show,
}
