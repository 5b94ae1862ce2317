"""Files that lie in another file, each located by its own format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from git_theta.errors import FormatError
from git_theta.formats.base import Format, HasScalars, Located, Tensor
from git_theta.formats.unique_names import unique_name
from git_theta.model.layout import Checksum

#: Names that formats give to a tensor or a plain value that has none, as it's all of a file.
_NAMELESS = frozenset(("tensor", "array", "value"))


@dataclass(frozen=True, slots=True)
class InnerFile:
    """A file in another file.

    Attributes:
        name: Its name, with which the names of its tensors begin.
        start: Position of its first byte.
        end: Position after its last byte.
        crcs: Positions in the outer file of CRC-32s of all its bytes.
    """

    name: str
    start: int
    end: int
    crcs: tuple[int, ...] = ()


def locate_members(data: memoryview, members: Iterable[InnerFile], formats: Sequence[Format]) -> Located:
    """The tensors and checksums of all inner files; one that no format fits has none.

    A tensor that is all of its file has the name of the file.

    Args:
        data: The outer file.
        members: The inner files; they don't overlap.
        formats: Formats that an inner file may have, in the order in which they're tried.
    """
    counts: dict[str, int] = {}
    tensors: list[Tensor] = []
    checksums: list[Checksum] = []
    for member in members:
        inner = data[member.start : member.end]
        located = _located(inner, formats)
        alone = len(located.tensors) == 1 and located.tensors[0].name in _NAMELESS
        for tensor in located.tensors:
            name = unique_name(member.name if alone else f"{member.name}/{tensor.name}", counts)
            tensors.append(replace(tensor, name=name, offset=tensor.offset + member.start))
        checksums += (_moved(checksum, member.start) for checksum in located.checksums)
        if located.tensors:
            whole = ((member.start, member.end - member.start),)
            checksums += (Checksum("crc32", at, whole) for at in member.crcs)
    return Located(tuple(tensors), tuple(checksums))


def member_scalars(
    data: memoryview, members: Iterable[InnerFile], formats: Sequence[Format]
) -> Iterator[tuple[str, str]]:
    """The plain values of all inner files; see `locate_members`.

    A value that is all of its file has the name of the file.
    """
    for member in members:
        inner = data[member.start : member.end]
        format = _format_of(inner, formats)  # noqa: A001
        if isinstance(format, HasScalars):
            try:
                found = list(format.scalars(inner))
            except FormatError:
                continue
            alone = len(found) == 1 and found[0][0] in _NAMELESS
            for name, text in found:
                yield member.name if alone else f"{member.name}/{name}", text


def _format_of(inner: memoryview, formats: Sequence[Format]) -> Format | None:
    return next((each for each in formats if each.matches(inner)), None)


def _located(inner: memoryview, formats: Sequence[Format]) -> Located:
    format = _format_of(inner, formats)  # noqa: A001
    try:
        return format.locate(inner) if format else Located(())
    except FormatError:
        return Located(())


def _moved(checksum: Checksum, start: int) -> Checksum:
    ranges = tuple((at + start, size) for at, size in checksum.ranges)
    return Checksum(checksum.kind, checksum.offset + start, ranges)
