"""What an inert pickle is made of, apart from scalars, strings, `list` and `tuple`.

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
    """A byte string: where it lies in the pickled data."""

    offset: int
    size: int


@dataclass(slots=True, eq=False)
class PersistentId:
    """A reference to something outside the pickle."""

    id: Any


@dataclass(slots=True, eq=False)
class Dict:
    """A dictionary as its `(key, value)` pairs in order: keys may be unhashable here, or repeat."""

    pairs: list[tuple[Any, Any]]


@dataclass(slots=True, eq=False)
class Object:
    """What a call would have made.

    Attributes:
        callable: What would be called, usually a `Global`.
        args: Its positional arguments.
        state: What would then be given to `__setstate__`, or `None`.
        items: What would then be appended or added to it.
        pairs: Its keyword arguments, and what would then be set by key.
        new: Whether `__new__` of the callable would be called instead of itself.
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
        exact: Whether the nodes tell all that the pickle says, so that one could write it again.
    """

    root: Any
    persistent: list[PersistentId]
    end: int
    exact: bool = True
