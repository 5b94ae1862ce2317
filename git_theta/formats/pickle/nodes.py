"""The nodes of an inert pickle, apart from scalars, strings, `list` and `tuple`.

Nodes are compared by identity and hold plain data. They may be shared and may form cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class Global:
    """A reference to a module's attribute."""

    module: str
    name: str


@dataclass(slots=True, eq=False)
class Bytes:
    """A byte string: its position in the pickled data, and its size in bytes."""

    offset: int
    size: int


class ByteText(str):
    """A byte string of Python 2 as text: a name, or the elements of a small array.

    Attributes:
        offset: Its position in the pickled data.
        size: Its size in bytes.
    """

    __slots__ = ("offset", "size")

    offset: int
    size: int


@dataclass(slots=True, eq=False)
class PersistentId:
    """A reference to an object outside the pickle."""

    id: Any


@dataclass(slots=True, eq=False)
class Dict:
    """A dictionary as its `(key, value)` pairs in order: keys may be unhashable here, or repeat."""

    pairs: list[tuple[Any, Any]]


@dataclass(slots=True, eq=False)
class Object:
    """The result of a call that wasn't made.

    Attributes:
        callable: The function or class, usually a `Global`.
        args: Positional arguments.
        state: The argument of `__setstate__`, `None` if that isn't called.
        items: Items that are appended or added afterwards.
        pairs: Keyword arguments, and items that are set by key afterwards.
        new: Whether `__new__` of the callable is called instead of the callable.
    """

    callable: Any
    args: tuple[Any, ...]
    state: Any = None
    items: list[Any] | None = None
    pairs: list[tuple[Any, Any]] | None = None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Pickled:
    """One pickle.

    Attributes:
        root: The pickled value: scalars, strings, `list`, `tuple` and nodes.
        persistent: Every persistent id, in the order of the pickle.
        end: Position just after the pickle.
        exact: Whether the nodes describe the pickle exactly, so that it can be written again.
    """

    root: Any
    persistent: list[PersistentId]
    end: int
    exact: bool = True
