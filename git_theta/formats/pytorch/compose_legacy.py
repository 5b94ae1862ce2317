"""Merge files that `torch.save` wrote before PyTorch 1.6."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.formats.base import FileDraft, FileVersion, Located
from git_theta.formats.blank import blank
from git_theta.formats.pytorch.legacy_file import COUNT, read_legacy
from git_theta.formats.pytorch.merge import TreeMerge
from git_theta.formats.pytorch.pickler import write_pickle
from git_theta.formats.pytorch.version_tree import VersionTree, version_tree

if TYPE_CHECKING:
    pass


def compose_legacy(sides: Sequence[FileVersion], trees: TreeMerge) -> FileDraft:
    """The merged file; everything but the main pickle and the storages is as in the first side.

    Args:
        sides: The versions.
        trees: The merge of their trees.

    Raises:
        ComposeError: The trees can't be merged.
        FormatError: A version is damaged.
    """
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
