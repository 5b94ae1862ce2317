"""What `torch.save` wrote before PyTorch 1.6: four pickles, a list of storage keys, and the storages."""

from __future__ import annotations

import struct
from typing import Any

from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.pytorch.inert import read_pickle
from git_theta.formats.pytorch.nodes import Dict, PersistentId
from git_theta.formats.pytorch.place import place
from git_theta.formats.pytorch.tree import named_views
from git_theta.formats.pytorch.views import Storage, as_storage

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

#: How the pickle of the magic number starts, or where it is found early on in binary protocols.
_TEXT = b"L%dL\n." % _MAGIC
_BINARY = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little") + b"."

_COUNT = struct.Struct("<q")


class PyTorchLegacy:
    """Files by PyTorch before 1.6, and by later ones on request."""

    name = "pytorch-legacy"

    def matches(self, data: memoryview) -> bool:
        """A pickle of PyTorch's magic number."""
        head = bytes(data[:64])
        return head.startswith(_TEXT) or (head[:1] == b"\x80" and 0 < head.find(_BINARY) < 16)

    def locate(self, data: memoryview) -> Located:
        """Find the tensors; storages follow the pickles in the order of their keys."""
        magic = read_pickle(data)
        protocol = read_pickle(data, magic.end)
        system = read_pickle(data, protocol.end)
        tree = read_pickle(data, system.end)
        keys = read_pickle(data, tree.end)
        if magic.root != _MAGIC or protocol.root != _PROTOCOL:
            raise FormatError("the file isn't of a version of PyTorch that's known")
        starts = _starts(data, keys.end, _keys(keys.root), _storages(tree.persistent))
        views = (
            (name, view, _range(view.storage, starts[view.storage.key]))
            for name, view in named_views(tree.root)
        )
        return Located(place(views, len(data), not _little_endian(system.root)))


def _keys(root: Any) -> list[str]:
    if not isinstance(root, list) or not all(isinstance(key, str) for key in root):
        raise FormatError("the list of storages is damaged")
    return root


def _storages(persistent: list[PersistentId]) -> dict[str, Storage]:
    """The first mention of each storage, whose dtype is the one that it's counted in."""
    storages: dict[str, Storage] = {}
    for node in persistent:
        storage = as_storage(node)
        if storage is not None:
            storages.setdefault(storage.key, storage)
    return storages


def _starts(data: memoryview, at: int, keys: list[str], storages: dict[str, Storage]) -> dict[str, int]:
    """Position of each storage's first element: before it is the number of elements."""
    starts: dict[str, int] = {}
    for key in keys:
        storage = storages.get(key)
        if storage is None or key in starts:
            raise FormatError(f"storage {key} is of no tensor, or there twice")
        if at + _COUNT.size > len(data):
            raise FormatError("the file is cut off")
        (count,) = _COUNT.unpack_from(data, at)
        starts[key] = at + _COUNT.size
        if count != storage.count:
            raise FormatError(f"storage {key} has {count} elements instead of {storage.count}")
        at = starts[key] + storage.nbytes
        if at > len(data):
            raise FormatError("the file is cut off")
    if len(starts) < len(storages):
        raise FormatError("a storage is missing")
    return starts


def _range(storage: Storage, start: int) -> tuple[int, int]:
    if storage.part is None:
        return start, storage.nbytes
    first, count = storage.part
    return start + first * storage.item_size, count * storage.item_size


def _little_endian(system: Any) -> bool:
    """What the writing machine said of itself."""
    pairs = system.pairs if isinstance(system, Dict) else []
    return all(value is not False for key, value in pairs if key == "little_endian")
