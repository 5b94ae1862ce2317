"""Merge NumPy's files: members of archives by name, and the headers of arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import ComposeError, FileDraft, FileVersion, Prefer
from git_theta.formats.blank import blank
from git_theta.formats.numpy.header import ARRAY, NpyHeader, read_npy_header, write_npy_header
from git_theta.formats.numpy.npz_members import SUFFIX, read_arrays
from git_theta.formats.numpy.npz_writer import NewMember, write_npz
from git_theta.formats.threeway import ThreeWay, merged_order
from git_theta.formats.zip_reader import Member, read_member
from git_theta.formats.zip_structs import UTF_8

if TYPE_CHECKING:
    from git_theta.model.tensor import TensorSpec

#: Bytes of a member that isn't an array of numbers, and of all of them.
_MAX_MEMBER = 1 << 26
_MAX_MEMBERS = 1 << 27

#: Position of the flags in a member's own header.
_FLAGS = 6

#: A header and its bytes.
_Head = tuple[NpyHeader, bytes]


def compose_npy(sides: Sequence[FileVersion], wanted: Mapping[str, TensorSpec]) -> FileDraft:
    """A file of one array; see `git_theta.formats.base.Composer`.

    Raises:
        ComposeError: Something else than the array is wanted, or bytes follow it on a side.
        FormatError: A version is damaged.
    """
    if list(wanted) != [ARRAY]:
        raise ComposeError("a file of NumPy's has exactly one array")
    heads = []
    for side in sides:
        header = read_npy_header(side.skeleton)
        if header.size + header.spec.nbytes != len(side.skeleton):
            raise ComposeError("bytes follow the array on a side")
        heads.append((header, bytes(side.skeleton[: header.size])))
    spec = wanted[ARRAY]
    head = _head(heads, spec)
    data = blank(len(head) + spec.nbytes)
    data[: len(head)] = head
    return FileDraft(data)


def compose_npz(
    base: FileVersion | None, sides: Sequence[FileVersion], wanted: Mapping[str, TensorSpec], prefer: Prefer
) -> FileDraft:
    """An archive of the wanted arrays and the merged other members; see `git_theta.formats.base.Composer`.

    Raises:
        ComposeError: The archives can't be merged.
        FormatError: A version is damaged.
    """
    rule = ThreeWay(prefer)
    archives = [read_arrays(side.skeleton) for side in sides]
    for side, archive in zip(sides, archives, strict=True):
        _check_names(side.skeleton, archive)
    old = _others(base.skeleton, read_arrays(base.skeleton)) if base else {}
    others = [_others(side.skeleton, archive) for side, archive in zip(sides, archives, strict=True)]
    members = {
        f"{name}{SUFFIX}": _array(f"{name}{SUFFIX}", spec, sides, archives) for name, spec in wanted.items()
    }
    for name in merged_order(*others):
        values = [side.get(name) for side in others]
        content = values[rule.choose(name, old.get(name), values)]
        if content is not None and name in members:
            raise ComposeError(f"{name} is an array of numbers on one side only")
        if content is not None:
            members[name] = NewMember(name, content, len(content))
    order = [name for name in merged_order(*archives) if name in members]
    return FileDraft(write_npz([members[name] for name in order]), rule.conflicts)


def new_npz(specs: Mapping[str, TensorSpec]) -> memoryview:
    """A new archive without the elements of its arrays, and without their checksums.

    Args:
        specs: Dtype and shape of each array, in the order of the archive.

    Raises:
        ComposeError: NumPy's format has no such dtype, or a name is too long.
    """
    members = []
    for name, spec in specs.items():
        try:
            head = write_npy_header(spec, fortran=False, big_endian=False)
        except FormatError as error:
            raise ComposeError(f"{error.message}, which {name!r} has") from error
        members.append(NewMember(f"{name}{SUFFIX}", head, len(head) + spec.nbytes))
    return write_npz(members)


def _check_names(data: memoryview, archive: Mapping[str, tuple[Member, NpyHeader | None]]) -> None:
    """Check that members can be written again under names that readers take for the same.

    Raises:
        ComposeError: A name isn't in UTF-8, or isn't marked as such.
    """
    for name, (member, _) in archive.items():
        marked = data[member.header + _FLAGS + 1] & UTF_8 >> 8
        if not marked and (not name.isascii() or "\\x" in name):
            raise ComposeError(f"the name of the member {name!r} isn't marked as UTF-8")


def _others(data: memoryview, archive: Mapping[str, tuple[Member, NpyHeader | None]]) -> dict[str, bytes]:
    """The members that aren't arrays of numbers, expanded."""
    members = {name: member for name, (member, header) in archive.items() if header is None}
    if sum(member.size for member in members.values()) > _MAX_MEMBERS:
        raise ComposeError(f"the members beside the arrays have more than {_MAX_MEMBERS} bytes")
    return {name: read_member(data, member, _MAX_MEMBER) for name, member in members.items()}


def _array(
    name: str,
    spec: TensorSpec,
    sides: Sequence[FileVersion],
    archives: Iterable[Mapping[str, tuple[Member, NpyHeader | None]]],
) -> NewMember:
    heads = []
    for side, archive in zip(sides, archives, strict=True):
        member, header = archive.get(name, (None, None))
        if member and header:
            heads.append((header, bytes(side.skeleton[member.offset : member.offset + header.size])))
    if not heads:
        raise ComposeError(f"no side has an array {name!r}")
    head = _head(heads, spec)
    return NewMember(name, head, len(head) + spec.nbytes)


def _head(sides: Sequence[_Head], spec: TensorSpec) -> bytes:
    """The header of the first side that has the array in this dtype and shape, or else a new one."""
    for header, head in sides:
        if header.spec == spec:
            return head
    first = sides[0][0]
    return write_npy_header(spec, first.fortran, first.big_endian)
