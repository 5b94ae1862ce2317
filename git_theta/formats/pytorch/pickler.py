"""Write inert nodes as a pickle of protocol 2, as PyTorch does."""

from __future__ import annotations

import struct
from collections.abc import Hashable, Sequence
from typing import Any

from git_theta.formats.base import ComposeError
from git_theta.formats.pickle.nodes import Dict, Global, Object, PersistentId

#: Values that are added to a container at once.
_BATCH = 1000

_SETS = ("set", "frozenset")


def write_pickle(root: Any) -> bytes:
    """The pickle of a tree in which byte strings are `bytes`.

    A node that is there twice is one object when the pickle is loaded.

    Raises:
        ComposeError: A node can't be written.
    """
    pickler = _Pickler()
    pickler.save(root)
    return b"\x80\x02" + bytes(pickler.out) + b"."


class _Pickler:
    def __init__(self) -> None:
        self.out = bytearray()
        self._memo: dict[Hashable, int] = {}
        # Kept alive, so that no other tuple gets the identity of one of these.
        self._made: list[Any] = []

    def save(self, node: Any) -> None:
        """Write one node."""
        if node is None or isinstance(node, bool):
            self.out += {None: b"N", True: b"\x88", False: b"\x89"}[node]
        elif isinstance(node, int):
            self.out += _integer(node)
        elif isinstance(node, float):
            self.out += b"G" + struct.pack(">d", node)
        elif isinstance(node, PersistentId):
            self.save(node.id)
            self.out += b"Q"
        elif node == ():
            self.out += b")"
        elif not self._get(_identity(node)):
            self._save_new(node)

    def _get(self, key: Hashable) -> bool:
        index = self._memo.get(key)
        if index is not None:
            self.out += b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)
        return index is not None

    def _put(self, key: Hashable) -> None:
        index = self._memo[key] = len(self._memo)
        self.out += b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index)

    def _save_new(self, node: Any) -> None:
        match node:
            case str():
                text = node.encode()
                self.out += b"X" + struct.pack("<I", len(text)) + text
            case bytes():
                self._call(Global("_codecs", "encode"), (node.decode("latin-1"), "latin1"))
            case Global():
                self.out += _global(node)
            case list():
                self.out += b"]"
            case tuple():
                self._tuple(node)
            case Dict():
                self.out += b"}"
            case Object(callable=Global(name=name), items=list(items)) if name in _SETS:
                self._call(node.callable, (items,))
            case Object():
                self._call(node.callable, node.args, b"\x81" if node.new else b"R")
            case _:
                raise ComposeError(f"a {type(node).__name__} can't be pickled")
        if _identity(node) in self._memo:
            # The node is in its own arguments, and so was written already.
            self.out += b"0"
            self._get(_identity(node))
            return
        self._put(_identity(node))
        self._fill(node)

    def _fill(self, node: Any) -> None:
        """Write the items of a container after the container, as it may contain itself."""
        if isinstance(node, list):
            self._items(node)
        elif isinstance(node, Dict):
            self._pairs(node.pairs)
        elif isinstance(node, Object):
            if getattr(node.callable, "name", "") not in _SETS:
                self._items(node.items or [])
            self._pairs(node.pairs or [])
            if node.state is not None:
                self.save(node.state)
                self.out += b"b"

    def _call(self, function: Any, args: tuple[Any, ...], opcode: bytes = b"R") -> None:
        self._made.append(args)
        self.save(function)
        self.save(args)
        self.out += opcode

    def _tuple(self, values: tuple[Any, ...]) -> None:
        self.out += b"(" if len(values) > 3 else b""
        for value in values:
            self.save(value)
        self.out += (b"", b"\x85", b"\x86", b"\x87")[len(values)] if len(values) <= 3 else b"t"

    def _items(self, items: Sequence[Any]) -> None:
        for at in range(0, len(items), _BATCH):
            self.out += b"("
            for item in items[at : at + _BATCH]:
                self.save(item)
            self.out += b"e"

    def _pairs(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        for at in range(0, len(pairs), _BATCH):
            self.out += b"("
            for key, value in pairs[at : at + _BATCH]:
                self.save(key)
                self.save(value)
            self.out += b"u"


def _identity(node: Any) -> Hashable:
    """The key of a node in the memo: plain values by value, others by identity."""
    if isinstance(node, (str, bytes)):
        return node
    if isinstance(node, Global):
        return node.module, node.name
    return id(node)


def _integer(value: int) -> bytes:
    if 0 <= value < 1 << 8:
        return b"K" + bytes([value])
    if 0 <= value < 1 << 16:
        return b"M" + struct.pack("<H", value)
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if len(data) < 256:
        return b"\x8a" + bytes([len(data)]) + data
    return b"\x8b" + struct.pack("<i", len(data)) + data


def _global(node: Global) -> bytes:
    # A line break ends the name; dotted names are for later protocols.
    if "\n" in node.module + node.name or "\r" in node.module + node.name or "." in node.name:
        raise ComposeError(f"the name {node.name[:60]!r} of a class can't be pickled")
    return f"c{node.module}\n{node.name}\n".encode()
