"""One version of a PyTorch file for a merge: a tree of inert nodes, and storages."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from git_theta.formats.base import ComposeError, FileVersion, Located
from git_theta.formats.pickle.nodes import Object, Pickled
from git_theta.formats.pytorch.locate_views import locate_each
from git_theta.formats.pytorch.tree import named_nodes
from git_theta.formats.pytorch.views import as_view, is_wrapper
from git_theta.formats.split import Interval, uncovered
from git_theta.model.tensor import TensorSpec


class Spot(NamedTuple):
    """A node at a place in the tree of a version.

    Attributes:
        side: Index of the version; -1 for the base.
        path: The beginning of the names of the tensors at and below the place.
        node: The node.
    """

    side: int
    path: str
    node: Any


@dataclass(frozen=True, slots=True)
class VersionTree:
    """A version.

    Attributes:
        root: The pickled value.
        pickle: The bytes of the pickle, in which byte strings have their positions.
        data: The file; bytes of tensors may be anything.
        storages: key → position in the file and size, in bytes.
        known: The ranges of the file that aren't tensors' bytes, in order.
        big_endian: Storages hold the most significant byte first.
        names: Path and identity of the node of a tensor → name of the tensor.
        specs: name → dtype and shape.
        storage_of: name → key of its storage.
        sharing: Key of a storage → the names of all tensors in it.
        contents: See `git_theta.formats.base.FileVersion`.
    """

    root: Any
    pickle: bytes | memoryview
    data: memoryview
    storages: Mapping[str, Interval]
    known: list[Interval]
    big_endian: bool
    names: Mapping[tuple[str, int], str]
    specs: Mapping[str, TensorSpec]
    storage_of: Mapping[str, str]
    sharing: Mapping[str, tuple[str, ...]]
    contents: Mapping[str, Hashable] = field(default_factory=dict)

    def name_at(self, spot: Spot) -> str | None:
        """The name of the tensor at a place."""
        return self.name_of(spot.path, tensor_in(spot.node))

    def name_of(self, path: str, node: Any) -> str | None:
        """The name of the tensor of a node at a path."""
        return self.names.get((path or "tensor", id(node)))

    def known_in(self, key: str) -> Iterable[tuple[int, memoryview]]:
        """The bytes of a storage that aren't tensors', with their positions in the storage."""
        start, size = self.storages[key]
        index = max(0, bisect_right(self.known, (start, start)) - 1)
        while index < len(self.known) and self.known[index][0] < start + size:
            low, high = max(self.known[index][0], start), min(self.known[index][1], start + size)
            if low < high:
                yield low - start, self.data[low:high]
            index += 1

    def print_of(self, key: str) -> bytes:
        """A digest of the bytes of a storage that aren't tensors', with their positions."""
        found = hashlib.blake2b(digest_size=16)
        for at, piece in self.known_in(key):
            found.update(at.to_bytes(8, "little") + piece.nbytes.to_bytes(8, "little"))
            found.update(piece)
        return found.digest()

    def names_below(self, spot: Spot) -> Iterable[str]:
        """The names of the tensors at and below a place."""
        return (name for name, _ in self.tensors_below(spot))

    def tensors_below(self, spot: Spot) -> Iterable[tuple[str, Any]]:
        """The names and nodes of the tensors at and below a place."""
        for found, node, _ in named_nodes(spot.node, spot.path):
            name = self.name_of(found, node)
            if name is not None:
                yield name, node

    def renamed(self, names: Mapping[str, str]) -> VersionTree:
        """The version with other names; tensors that have none get names that aren't used elsewhere."""

        def new(name: str) -> str:
            return names.get(name, f"\0{name}")

        return replace(
            self,
            names={spot: new(name) for spot, name in self.names.items()},
            specs={new(name): spec for name, spec in self.specs.items()},
            storage_of={new(name): key for name, key in self.storage_of.items()},
            sharing={key: tuple(sorted(map(new, group))) for key, group in self.sharing.items()},
        )


def version_tree(
    tree: Pickled,
    pickle: bytes | memoryview,
    data: memoryview,
    located: Located,
    storages: Mapping[str, Interval],
    big_endian: bool,
    contents: Mapping[str, Hashable],
) -> VersionTree:
    """The tree of a version.

    Args:
        tree: The pickle, read.
        pickle: The bytes that it was read from.
        data: The file.
        located: The tensors in the file.
        storages: key → position and size in bytes.
        big_endian: Storages hold the most significant byte first.
        contents: See `git_theta.formats.base.FileVersion`.

    Raises:
        ComposeError: The tree doesn't describe the pickle exactly.
    """
    if not tree.exact:
        raise ComposeError("the file's pickle has parts that can't be written again")
    found = list(named_nodes(tree.root))
    views = ((name, view, view.storage.range_in(*storages[view.storage.key])) for name, _, view in found)
    placed = locate_each(views, len(data), big_endian)
    names: dict[tuple[str, int], str] = {}
    specs: dict[str, TensorSpec] = {}
    storage_of: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for (path, node, view), tensor in zip(found, placed, strict=True):
        if tensor is not None:
            names.setdefault((path, id(node)), tensor.name)
            specs[tensor.name] = tensor.spec
            storage_of[tensor.name] = view.storage.key
            lists.setdefault(view.storage.key, []).append(tensor.name)
    sharing = {key: tuple(sorted(group)) for key, group in lists.items()}
    known = uncovered(located, len(data))
    return VersionTree(
        tree.root, pickle, data, storages, known, big_endian, names, specs, storage_of, sharing, contents
    )


def read_once(version: FileVersion, read: Callable[[], VersionTree]) -> VersionTree:
    """The tree of a version, kept with it from the first reading on; errors are those of `read`."""
    tree: VersionTree | None = version.parsed.get("tree")
    if tree is None:
        tree = version.parsed["tree"] = read()
    return tree


def tensor_in(node: Any) -> Any:
    """The tensor's node: the node itself, or the one that it wraps; `None` if it's no tensor."""
    if as_view(node) is not None:
        return node
    inner = node.args[0] if isinstance(node, Object) and is_wrapper(node) else None
    return inner if as_view(inner) is not None else None
