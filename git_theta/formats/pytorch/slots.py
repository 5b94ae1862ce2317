"""The storages of a file that's being put together of storages from several versions."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from git_theta.formats.base import ComposeError
from git_theta.formats.pytorch.nodes import Bytes, Dict, Object, PersistentId
from git_theta.formats.pytorch.version_tree import VersionTree


@dataclass(slots=True)
class Slot:
    """A storage of the new file.

    Attributes:
        source: The version that it's from.
        old: Its key there.
        new: Its key in the new file.
        names: Tensors that are in it now, as they were there.
        bare: Whether something that isn't a named tensor shows its bytes.
    """

    source: VersionTree
    old: str
    new: str
    names: set[str] = field(default_factory=set)
    bare: bool = False

    @property
    def nbytes(self) -> int:
        """Its size."""
        return self.source.storages[self.old][1]

    def crc(self) -> int:
        """The CRC-32 of its bytes; 0 if some are tensors', whose values aren't here."""
        if self.source.sharing.get(self.old):
            return 0
        start, size = self.source.storages[self.old]
        return zlib.crc32(self.source.data[start : start + size])

    def fill(self, target: memoryview) -> None:
        """Copy the bytes that aren't tensors'; all others stay as they are."""
        for at, piece in self.source.known_in(self.old):
            target[at : at + piece.nbytes] = piece


class Slots:
    """Copies nodes out of versions, and gives their storages new keys in the order in which they're met."""

    def __init__(self, sides: Sequence[VersionTree]) -> None:
        self._sides = sides
        self._slots: dict[tuple[int, str], Slot] = {}
        self._copies: dict[tuple[int, int], Any] = {}

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots.values())

    def take(self, side: int, node: Any, names: Iterable[str] = ()) -> Any:
        """A copy of a node and all below it; the same one if it was taken before.

        Args:
            side: Index of the version.
            node: A node of it.
            names: Those of the tensors in the node.
        """
        copied = self._copy(side, node)
        bare = True
        for name in names:
            self._slot(side, self._sides[side].storage_of[name]).names.add(name)
            bare = False
        if bare:
            for key in _storage_keys(node):
                self._slot(side, key).bare = True
        return copied

    def check(self) -> None:
        """Make sure that all bytes which can be seen are known.

        Raises:
            ComposeError: A tensor that isn't a parameter shows bytes of a parameter that isn't there.
        """
        for slot in self:
            if slot.bare and not slot.names.issuperset(slot.source.sharing.get(slot.old, ())):
                raise ComposeError(
                    "a tensor that repeats elements of another one can't be merged without that"
                )

    def _slot(self, side: int, key: str) -> Slot:
        slot = self._slots.get((side, key))
        if slot is None:
            slot = Slot(self._sides[side], key, str(len(self._slots)))
            self._slots[side, key] = slot
        return slot

    def _copy(self, side: int, node: Any) -> Any:
        if isinstance(node, Bytes):
            return bytes(self._sides[side].pickle[node.offset : node.offset + node.size])
        if not isinstance(node, (list, tuple, Dict, Object, PersistentId)):
            return node
        identity = side, id(node)
        if identity not in self._copies:
            self._copies[identity] = self._copy_new(identity, node)
        return self._copies[identity]

    def _copy_new(self, identity: tuple[int, int], node: Any) -> Any:
        """A new copy, which can be met again while it's filled."""
        side = identity[0]
        if isinstance(node, PersistentId):
            word, kind, key, *rest = node.id
            new = self._slot(side, key).new
            return PersistentId((word, kind, new, *(self._copy(side, part) for part in rest)))
        if isinstance(node, tuple):
            return tuple([self._copy(side, part) for part in node])
        if isinstance(node, list):
            values: list[Any] = []
            self._copies[identity] = values
            values += [self._copy(side, part) for part in node]
            return values
        if isinstance(node, Dict):
            pairs = Dict([])
            self._copies[identity] = pairs
            pairs.pairs += self._pairs(side, node.pairs)
            return pairs
        made = Object(self._copy(side, node.callable), self._copy(side, node.args), new=node.new)
        self._copies[identity] = made
        made.items = None if node.items is None else [self._copy(side, part) for part in node.items]
        made.pairs = None if node.pairs is None else self._pairs(side, node.pairs)
        made.state = self._copy(side, node.state)
        return made

    def _pairs(self, side: int, pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        return [(self._copy(side, key), self._copy(side, value)) for key, value in pairs]


def _storage_keys(root: Any) -> Iterator[str]:
    """Keys of the storages in a tree."""
    pending, seen = [root], set[int]()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        if isinstance(node, PersistentId):
            yield node.id[2]
        elif isinstance(node, (list, tuple)):
            pending += node
        elif isinstance(node, Dict):
            pending += [part for pair in node.pairs for part in pair]
        elif isinstance(node, Object):
            listed = [part for pair in node.pairs or () for part in pair]
            pending += [node.callable, *node.args, node.state, *(node.items or ()), *listed]
        if isinstance(node, (list, tuple, Dict, Object, PersistentId)):
            seen.add(id(node))
