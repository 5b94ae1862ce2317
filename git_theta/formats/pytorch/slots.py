"""The storages of a merged file, each taken from one of the versions."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from git_theta.formats.base import ComposeError
from git_theta.formats.pickle.nodes import Bytes, Dict, Object, PersistentId
from git_theta.formats.pytorch.version_tree import VersionTree


@dataclass(slots=True)
class Slot:
    """A storage of the new file.

    Attributes:
        source: The version that the storage is from.
        old: Its key in that version.
        new: Its key in the new file.
        names: Tensors of the new file in it, by their names in that version.
        bare: Whether a node that isn't a named tensor shows its bytes.
    """

    source: VersionTree
    old: str
    new: str
    names: set[str] = field(default_factory=set)
    bare: bool = False

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.source.storages[self.old][1]

    def crc(self) -> int:
        """The CRC-32 of its bytes; 0 if there are tensors in it, whose values aren't known."""
        if self.source.sharing.get(self.old):
            return 0
        start, size = self.source.storages[self.old]
        return zlib.crc32(self.source.data[start : start + size])

    def fill(self, target: memoryview) -> None:
        """Copy the bytes that aren't tensors' to `target`, of `nbytes` bytes; its other bytes stay."""
        for at, piece in self.source.known_in(self.old):
            target[at : at + piece.nbytes] = piece


class Slots:
    """Copies nodes of versions, and gives their storages new keys in the order of the copies."""

    def __init__(self, sides: Sequence[VersionTree]) -> None:
        self._sides = sides
        self._slots: dict[tuple[int, str], Slot] = {}
        self._copies: dict[tuple[int, int], Any] = {}

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots.values())

    def take(self, side: int, node: Any, names: Iterable[str] = ()) -> Any:
        """A copy of a node and all below it; the earlier copy if there's one.

        Args:
            side: Index of the version.
            node: A node of that version.
            names: Names of the tensors in the node.
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

    def copy_of(self, side: int, node: Any) -> Any:
        """The copy of a node that was taken, by itself or as part of another one."""
        return self._copies[side, id(node)]

    def check(self) -> None:
        """Check that the new file has the values of all bytes that it shows.

        Raises:
            ComposeError: A tensor that isn't a parameter shows bytes of a parameter that was left out.
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
        if not isinstance(node, (list, tuple, Dict, Object, PersistentId, Bytes)):
            return node
        identity = side, id(node)
        if identity not in self._copies:
            self._copies[identity] = self._copy_new(identity, node)
        return self._copies[identity]

    def _copy_new(self, identity: tuple[int, int], node: Any) -> Any:
        """A new copy, which is known before it's filled, as it may contain itself."""
        side = identity[0]
        if isinstance(node, Bytes):
            return bytes(self._sides[side].pickle[node.offset : node.offset + node.size])
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
