"""Merge PyTorch's zip archives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from git_theta.formats.base import ComposeError, FileDraft, FileVersion, Located
from git_theta.formats.pickle.unpickle_inert import read_pickle
from git_theta.formats.pytorch.merge import TreeMerge
from git_theta.formats.pytorch.pickler import write_pickle
from git_theta.formats.pytorch.version_tree import VersionTree, version_tree
from git_theta.formats.pytorch.zip_records import MAX_PICKLE, is_big_endian, read_records
from git_theta.formats.pytorch.zip_writer import Record, write_archive
from git_theta.formats.threeway import ThreeWay, merged_order
from git_theta.formats.zip_reader import Member, read_member

if TYPE_CHECKING:
    pass

#: Records about the archive itself, which are those of the first side.
_OWN = frozenset(("version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"))

#: Beginnings of the records that only TorchScript archives have.
_PROGRAM = ("code/", "constants", "ts_code/", "mobile_debug_handles", "bytecode")

_PICKLE, _STORAGES = "data.pkl", "data/"

#: Bytes of a record that is neither the pickle nor a storage, and of all of them.
_MAX_RECORD = 1 << 26
_MAX_RECORDS = 1 << 27

#: PyTorch's own alignment, and the largest one, as records are padded in a field of 16-bit size.
_ALIGNMENT, _MAX_ALIGNMENT = 64, 1 << 16


def compose_zipped(base: FileVersion | None, sides: Sequence[FileVersion], trees: TreeMerge) -> FileDraft:
    """The merged archive.

    Args:
        base: The common ancestor of the sides, `None` if there's none.
        sides: The versions.
        trees: The merge of their trees.

    Raises:
        ComposeError: The archives can't be merged.
        FormatError: A version is damaged.
    """
    versions = (*sides, *((base,) if base else ()))
    archives = [read_records(version.skeleton)[2] for version in versions]
    root = trees.root()
    pickle = write_pickle(root)
    slots: list[Record] = [(_STORAGES + slot.new, slot) for slot in trees.slots]
    others = [_others(version.skeleton, archive) for version, archive in zip(versions, archives, strict=True)]
    kept = _merged(trees.rule, others[len(sides)] if base else {}, others[: len(sides)])
    records: list[Record] = []
    for name in merged_order(kept, _names(archives[0])):
        if name == _STORAGES:
            records += slots
        elif name == _PICKLE or name in kept:
            records.append((name, pickle if name == _PICKLE else kept[name]))
    folder = read_records(sides[0].skeleton)[1]
    data = write_archive(folder, records, _alignment(kept))
    return FileDraft(data, trees.rule.conflicts, trees.names(root))


def zipped_tree(version: FileVersion, located: Located) -> VersionTree:
    """The tree of `data.pkl`.

    Raises:
        ComposeError: It can't be written again.
        FormatError: The file is damaged.
    """
    data = version.skeleton
    archive = read_records(data)[2]
    if any(name.startswith(_PROGRAM) for name in archive):
        raise ComposeError("TorchScript archives hold a program, which can't be merged")
    pickle = read_member(data, archive[_PICKLE], MAX_PICKLE)
    storages = {
        name.removeprefix(_STORAGES): (member.offset, member.size)
        for name, member in archive.items()
        if name.startswith(_STORAGES) and member.packed == member.size
    }
    big_endian = is_big_endian(data, archive)
    tree = read_pickle(pickle)
    return version_tree(tree, pickle, data, located, storages, big_endian, version.contents)


def _names(archive: Mapping[str, Member]) -> list[str]:
    """The order of an archive's records, where all storages count as one, which may be empty."""
    names = [_STORAGES if name.startswith(_STORAGES) else name for name in archive]
    return list(dict.fromkeys(names if _STORAGES in names else [_PICKLE, _STORAGES, *names]))


def _others(data: memoryview, archive: Mapping[str, Member]) -> dict[str, bytes]:
    """The records that are neither the pickle nor storages."""
    members = {
        name: member for name, member in archive.items() if name != _PICKLE and not name.startswith(_STORAGES)
    }
    if sum(member.size for member in members.values()) > _MAX_RECORDS:
        raise ComposeError(f"the records beside the tensors have more than {_MAX_RECORDS} bytes")
    return {name: read_member(data, member, _MAX_RECORD) for name, member in members.items()}


def _merged(
    rule: ThreeWay, base: Mapping[str, bytes], sides: Sequence[Mapping[str, bytes]]
) -> dict[str, bytes]:
    merged = {}
    for name in merged_order(*sides):
        values = [side.get(name) for side in sides]
        chosen = 0 if name in _OWN else rule.choose(name, base.get(name), values)
        content = values[chosen]
        if content is not None:
            merged[name] = content
    return merged


def _alignment(records: Mapping[str, bytes]) -> int:
    text = records.get(".storage_alignment", b"")
    found = int(text) if text.isdigit() and len(text) < 10 else _ALIGNMENT
    return found if 0 < found <= _MAX_ALIGNMENT and found & (found - 1) == 0 else _ALIGNMENT
