"""What `torch.save` wrote before PyTorch 1.6: four pickles, a list of storage keys, and the storages."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.pytorch.locate_views import locate_views
from git_theta.formats.pytorch.nodes import Dict, PersistentId, Pickled
from git_theta.formats.pytorch.tree import named_views
from git_theta.formats.pytorch.unpickle_inert import read_pickle
from git_theta.formats.pytorch.views import Storage, as_storage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from git_theta.formats.base import Draft, Prefer, Version
    from git_theta.model.tensor import TensorSpec

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

#: How the pickle of the magic number starts, or where it is found early on in binary protocols.
_TEXT = b"L%dL\n." % _MAGIC
_BINARY = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little") + b"."

COUNT = struct.Struct("<q")


class PyTorchLegacy:
    """Files by PyTorch before 1.6, and by later ones on request."""

    name = "pytorch-legacy"

    def matches(self, data: memoryview) -> bool:
        """A pickle of PyTorch's magic number."""
        head = bytes(data[:64])
        return head.startswith(_TEXT) or (head[:1] == b"\x80" and 0 < head.find(_BINARY) < 16)

    def locate(self, data: memoryview) -> Located:
        """Find the tensors; storages follow the pickles in the order of their keys."""
        found = read_legacy(data)
        views = (
            (name, view, _range(view.storage, found.starts[view.storage.key]))
            for name, view in named_views(found.tree.root)
        )
        return Located(locate_views(views, len(data), found.big_endian))

    def compose(
        self, base: Version | None, sides: Sequence[Version], wanted: Mapping[str, TensorSpec], prefer: Prefer
    ) -> Draft:
        """Merge the trees of the pickles, and write a new file with what the first side says of itself."""
        from git_theta.formats.pytorch.compose_legacy import compose

        located = [self.locate(version.skeleton) for version in (*sides, *((base,) if base else ()))]
        return compose(base, sides, located, wanted, prefer)


@dataclass(frozen=True, slots=True)
class Legacy:
    """What a file of this kind consists of.

    Attributes:
        head: What the pickles before that of the content hold.
        tree: The pickle of the content.
        storages: key → storage.
        starts: key → position of the storage's first element.
        big_endian: Storages hold the most significant byte first.
    """

    head: tuple[Any, ...]
    tree: Pickled
    storages: dict[str, Storage]
    starts: dict[str, int]
    big_endian: bool


def read_legacy(data: memoryview) -> Legacy:
    """Take a file apart.

    Raises:
        FormatError: It's damaged.
    """
    magic = read_pickle(data)
    protocol = read_pickle(data, magic.end)
    system = read_pickle(data, protocol.end)
    tree = read_pickle(data, system.end)
    keys = read_pickle(data, tree.end)
    if magic.root != _MAGIC or protocol.root != _PROTOCOL:
        raise FormatError("the file isn't of a version of PyTorch that's known")
    storages = _storages(tree.persistent)
    starts = _starts(data, keys.end, _keys(keys.root), storages)
    head = (magic.root, protocol.root, system.root)
    return Legacy(head, tree, storages, starts, not _little_endian(system.root))


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
        if at + COUNT.size > len(data):
            raise FormatError("the file is cut off")
        (count,) = COUNT.unpack_from(data, at)
        starts[key] = at + COUNT.size
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
