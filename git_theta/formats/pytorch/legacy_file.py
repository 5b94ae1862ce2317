"""The parts of a file by PyTorch before 1.6: four pickles, a list of storage keys, and the storages."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from git_theta.errors import FormatError
from git_theta.formats.pickle.nodes import Dict, PersistentId, Pickled
from git_theta.formats.pickle.unpickle_inert import read_pickle
from git_theta.formats.pytorch.views import Storage, as_storage

#: The content of the first pickle of a file.
MAGIC = 0x1950A86A20F9469CFC6C

#: The content of the second pickle.
_PROTOCOL = 1001

#: Opcodes of each pickle before the main one.
_MAX_HEAD = 10_000

#: The number of elements before each storage.
COUNT = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class LegacyFile:
    """The parts of a file.

    Attributes:
        head: The contents of the pickles before the main one: magic number, protocol, system information.
        tree: The main pickle.
        storages: key → storage.
        starts: key → position of the storage's first element.
        big_endian: Storages hold the most significant byte first.
    """

    head: tuple[Any, ...]
    tree: Pickled
    storages: dict[str, Storage]
    starts: dict[str, int]
    big_endian: bool


def read_legacy(data: memoryview) -> LegacyFile:
    """Take a file apart.

    Raises:
        FormatError: It's damaged.
    """
    magic, protocol, system = read_head(data)
    tree = read_pickle(data, system.end)
    keys = read_pickle(data, tree.end)
    if magic.root != MAGIC or protocol.root != _PROTOCOL:
        raise FormatError("the file isn't of a version of PyTorch that's known")
    storages = _storages(tree.persistent)
    starts = _starts(data, keys.end, _keys(keys.root), storages)
    head = (magic.root, protocol.root, system.root)
    return LegacyFile(head, tree, storages, starts, not _little_endian(system.root))


def read_head(data: memoryview) -> list[Pickled]:
    """The pickles before the main one: magic number, protocol, system information.

    Raises:
        FormatError: One of them is damaged.
    """
    found: list[Pickled] = []
    for _ in range(3):
        found.append(read_pickle(data, found[-1].end if found else 0, _MAX_HEAD))
    return found


def _keys(root: Any) -> list[str]:
    if not isinstance(root, list) or not all(isinstance(key, str) for key in root):
        raise FormatError("the list of storages is damaged")
    return root


def _storages(persistent: list[PersistentId]) -> dict[str, Storage]:
    """Each storage as it's mentioned first: that dtype is the unit of its size."""
    storages: dict[str, Storage] = {}
    for node in persistent:
        storage = as_storage(node)
        if storage is not None:
            storages.setdefault(storage.key, storage)
    return storages


def _starts(data: memoryview, position: int, keys: list[str], storages: dict[str, Storage]) -> dict[str, int]:
    """Position of each storage's first element, which the number of elements precedes."""
    starts: dict[str, int] = {}
    for key in keys:
        storage = storages.get(key)
        if storage is None or key in starts:
            raise FormatError(f"storage {key} is of no tensor, or there twice")
        if position + COUNT.size > len(data):
            raise FormatError("the file is cut off")
        (count,) = COUNT.unpack_from(data, position)
        starts[key] = position + COUNT.size
        if count != storage.count:
            raise FormatError(f"storage {key} has {count} elements instead of {storage.count}")
        position = starts[key] + storage.nbytes
        if position > len(data):
            raise FormatError("the file is cut off")
    if len(starts) < len(storages):
        raise FormatError("a storage is missing")
    return starts


def _little_endian(system: Any) -> bool:
    """Whether the machine that wrote the file was little-endian, by its system information."""
    pairs = system.pairs if isinstance(system, Dict) else []
    return all(value is not False for key, value in pairs if key == "little_endian")
