"""Merge files that `torch.save` wrote before PyTorch 1.6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from git_theta.formats.base import ComposeError, FileDraft, FileVersion, Located, Prefer
from git_theta.formats.blank import blank
from git_theta.formats.pytorch.legacy_file import COUNT, read_legacy
from git_theta.formats.pytorch.merge import TreeMerge
from git_theta.formats.pytorch.pickler import write_pickle
from git_theta.formats.pytorch.version_tree import VersionTree, version_tree

if TYPE_CHECKING:
    from git_theta.model.tensor import TensorSpec


def compose_legacy(
    base: FileVersion | None,
    sides: Sequence[FileVersion],
    sources: Sequence[VersionTree],
    wanted: Mapping[str, TensorSpec],
    prefer: Prefer,
) -> FileDraft:
    """See `git_theta.formats.base.Composer`; `sources` has the tree of each side, then of the base."""
    if len({one.big_endian for one in sources[: len(sides)]}) > 1:
        raise ComposeError("the sides were written on machines of different byte orders")
    trees = TreeMerge(sources[len(sides)] if base else None, sources[: len(sides)], wanted, prefer)
    tree = trees.root()
    slots = list(trees.slots)
    pickles = (*read_legacy(sides[0].skeleton).head, tree, [slot.new for slot in slots])
    head = b"".join(map(write_pickle, pickles))
    data = blank(len(head) + sum(COUNT.size + slot.nbytes for slot in slots))
    data[: len(head)] = head
    position = len(head)
    for slot in slots:
        start = slot.source.storages[slot.old][0]
        data[position : position + COUNT.size] = slot.source.data[start - COUNT.size : start]
        position += COUNT.size
        slot.fill(data[position : position + slot.nbytes])
        position += slot.nbytes
    return FileDraft(data, trees.rule.conflicts, trees.names(tree))


def legacy_tree(version: FileVersion, located: Located) -> VersionTree:
    """The tree of the main pickle.

    Raises:
        ComposeError: It can't be written again.
        FormatError: The file is damaged.
    """
    data = version.skeleton
    found = read_legacy(data)
    storages = {key: (start, found.storages[key].nbytes) for key, start in found.starts.items()}
    return version_tree(found.tree, data, data, located, storages, found.big_endian, version.contents)
