"""Split any file into tensors and a layout, in the same way for every format."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from git_theta.errors import FormatError, UnsplitError
from git_theta.formats.base import Format, Located, Tensor, ToldByNeighbours
from git_theta.formats.neighbours import Neighbours
from git_theta.formats.scattered import between_rows, run_grid
from git_theta.model.checksum import KINDS, WIDTHS
from git_theta.model.layout import (
    MAX_COVERED,
    Checksum,
    Layout,
    Literal,
    Placement,
    check_readable,
    covered_bytes,
    extent,
)
from git_theta.model.manifest_text import MAX_PARAMETERS
from git_theta.model.name_escapes import MAX_NAME
from git_theta.model.tensor import TensorSpec

OPAQUE = "opaque"

#: Bytes between tensors that are longer than this become parameters of their own, so that a layout
#: stays small and can be held in memory.
MAX_LITERAL = 1 << 20

#: All literals of a layout together, in bytes.
MAX_LITERALS = 1 << 27

#: How the names of such parameters begin.
STRETCH = ".bytes/"

#: A strided tensor made of more runs than this is a scattered one.
_MAX_RUNS = 1 << 16
_MAX_RUNS_IN_ALL = 1 << 20

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Split:
    """A file taken apart.

    Attributes:
        format: Name of the format, `opaque` if none fits.
        layout: The file minus its tensors.
        tensors: The tensors, in the order of the layout's placements.
        note: Why a file that looks like a known format is kept opaque; else empty.
        told: Whether a neighbour described the file; `None` if none ever does.
    """

    format: str
    layout: Layout
    tensors: tuple[Tensor, ...]
    note: str = ""
    told: bool | None = None


def split(
    data: memoryview,
    formats: Iterable[Format],
    pool: Executor | None = None,
    neighbours: Neighbours | None = None,
) -> Split:
    """Take a file apart; any file can be.

    Args:
        data: The whole file.
        formats: Plugins to try, in order.
        pool: Threads for checksums; if `None`, these are computed in turn.
        neighbours: The files beside it; `None` if they aren't known.
    """
    # Whatever goes wrong in a plugin, on whatever bytes, must not keep a file from being stored.
    note = ""
    for candidate in formats:
        told = _told(data, candidate, neighbours, pool)
        if told:
            return told
        try:
            if not candidate.matches(data):
                continue
        except Exception as error:
            note = note or f"the format {candidate.name} fails ({_reason(error)}): kept as an opaque file"
            continue
        try:
            located = candidate.locate(data)
            check_located(located, len(data))
        except Exception as error:
            invalid = f"looks like {candidate.name} but isn't valid ({_reason(error)})"
            note = f"{error.message if isinstance(error, UnsplitError) else invalid}: kept as an opaque file"
            break
        try:
            found = assemble(candidate.name, data, Located(located.tensors, _verified(data, located, pool)))
            check_readable(found.layout)
        except (FormatError, ValueError) as error:
            note = f"{error}: kept as an opaque file"
            break
        return replace(found, told=False) if isinstance(candidate, ToldByNeighbours) else found
    return assemble(OPAQUE, data, Located(()), note)


def _told(
    data: memoryview, candidate: Format, neighbours: Neighbours | None, pool: Executor | None
) -> Split | None:
    """The file as its neighbours describe it; `None` if they don't, or not rightly."""
    if neighbours is None or not isinstance(candidate, ToldByNeighbours):
        return None
    try:
        if not candidate.matches_beside(data, neighbours):
            return None
        located = candidate.locate_beside(data, neighbours)
        check_located(located, len(data))
        found = assemble(candidate.name, data, Located(located.tensors, _verified(data, located, pool)))
        check_readable(found.layout)
    except Exception:
        # As in `split`; without neighbours, the file may still be of some format.
        return None
    return replace(found, told=True)


def split_like(data: memoryview, name: str, layout: Layout, specs: Mapping[str, TensorSpec]) -> Split | None:
    """Take a file apart as an earlier version of it was, without the format's plugin.

    Args:
        data: The whole file.
        name: Name of the format.
        layout: The layout of the earlier version.
        specs: Dtype and shape of each of the earlier version's parameters.

    Returns:
        `None` if the file differs from the earlier version in more than the values of tensors.
    """

    def crc(offset: int, length: int) -> int:
        return zlib.crc32(data[offset : offset + length])

    if len(data) != layout.size or {place.name for place in layout.placements} != specs.keys():
        return None
    if any(data[one.offset : one.offset + len(one.data)] != one.data for one in layout.literals):
        return None
    if not all(_matches(checksum, data, crc) for checksum in layout.checksums):
        return None
    tensors = (
        Tensor(place.name, specs[place.name], place.offset, place.strides, place.big_endian)
        for place in layout.placements
    )
    return Split(name, layout, tuple(tensors))


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, FormatError) else f"{type(error).__name__}: {error}"


def check_located(located: Located, size: int) -> None:
    """Check that tensors and checksums lie in the file and are of a number that can be stored.

    Raises:
        FormatError: The plugin is wrong.
    """
    names = set()
    for tensor in located.tensors:
        low, high = _extent(tensor)
        if low < 0 or high > size:
            raise FormatError(f"tensor {tensor.name[:80]!r} lies outside the file")
        if not tensor.name or tensor.name in names:
            raise FormatError(f"tensor name {tensor.name[:80]!r} is empty or repeated")
        if len(tensor.name) > MAX_NAME:
            raise FormatError(f"a tensor's name has more than {MAX_NAME} characters")
        names.add(tensor.name)
    for checksum in located.checksums:
        ends = [start + length for start, length in checksum.ranges]
        if max(ends, default=0) > size or checksum.offset + WIDTHS[checksum.kind] > size:
            raise FormatError("a checksum lies outside the file")
    if len(located.tensors) > MAX_PARAMETERS:
        raise FormatError(f"it has more than {MAX_PARAMETERS:,} tensors")
    if covered_bytes(located.checksums) > MAX_COVERED * size:
        raise FormatError(f"its checksums cover over {MAX_COVERED} times its bytes")


def _extent(tensor: Tensor) -> Interval:
    """First and one-past-last byte of a tensor."""
    spec = tensor.spec
    if spec.is_packed and (tensor.strides is not None or tensor.big_endian):
        raise FormatError(f"the packed tensor {tensor.name[:80]!r} isn't in one piece")
    if tensor.strides is None:
        return tensor.offset, tensor.offset + spec.nbytes
    return extent(tensor.offset, spec.shape, tensor.strides, spec.item_size)


def assemble(name: str, data: memoryview, located: Located, note: str = "") -> Split:
    """Make a layout of located tensors and of the bytes around them.

    Args:
        name: The format.
        data: The file; bytes of tensors and checksums may be missing.
        located: The tensors, and those checksums that the file has.
        note: See `Split`.

    Raises:
        FormatError: The bytes around the tensors are too many for a layout, or their long stretches are, with
            the tensors, too many parameters.
    """
    gaps, between = _gaps(located, len(data))
    if sum(end - start for start, end in gaps if end - start <= MAX_LITERAL) > MAX_LITERALS:
        raise FormatError("too many bytes lie between the tensors, in short pieces")
    taken = {tensor.name for tensor in located.tensors}
    long_gaps = [(start, end) for start, end in gaps if end - start > MAX_LITERAL]
    blobs = [
        Tensor(_free_name(f"{STRETCH}{index}", taken), TensorSpec("U8", (end - start,)), start)
        for index, (start, end) in enumerate(long_gaps)
    ]
    blobs += [
        replace(tensor, name=_free_name(f"{STRETCH}{index}", taken))
        for index, tensor in enumerate(between, len(long_gaps))
    ]
    if len(located.tensors) + len(blobs) > MAX_PARAMETERS:
        raise FormatError(f"it has more than {MAX_PARAMETERS:,} tensors and long stretches between them")
    literals = [Literal(a, bytes(data[a:b])) for a, b in gaps if b - a <= MAX_LITERAL]
    tensors = (*blobs, *located.tensors)
    placements = tuple(Placement(t.name, t.offset, t.strides, t.big_endian) for t in tensors)
    return Split(name, Layout(len(data), placements, tuple(literals), located.checksums), tensors, note)


def uncovered(located: Located, size: int) -> list[Interval]:
    """The bytes of a file that are neither a tensor's, nor between a scattered one's rows, nor computed."""
    return _gaps(located, size)[0]


def _gaps(located: Located, size: int) -> tuple[list[Interval], list[Tensor]]:
    """The bytes that `uncovered` gives, in order, and tensors of those between the rows of scattered ones."""
    covered: list[Interval] = [(c.offset, c.offset + WIDTHS[c.kind]) for c in located.checksums]
    scattered = []
    for tensor in located.tensors:
        runs = covered_by(tensor, _MAX_RUNS_IN_ALL - 1 - len(covered))
        covered += runs
        if not runs and tensor.spec.count and tensor.strides is not None:
            scattered.append(tensor)
    # Bytes that aren't counted as covered stay in the layout: that costs space, but no memory, and isn't
    # wrong, as tensors are written over them.
    spans, between = between_rows(scattered, STRETCH)
    return complement([*covered, *spans], size), between


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _verified(data: memoryview, located: Located, pool: Executor | None) -> tuple[Checksum, ...]:
    """The checksums that are right in the file; a writer may have left some zero or wrong."""
    checksums = located.checksums
    ranges = sorted({r for c in checksums for r in c.ranges}, key=lambda r: -r[1])
    crcs = (pool.map if pool else map)(lambda r: zlib.crc32(data[r[0] : r[0] + r[1]]), ranges)
    known = dict(zip(ranges, crcs, strict=True))

    def crc(offset: int, length: int) -> int:
        return known[offset, length]

    return tuple(c for c in checksums if _matches(c, data, crc))


def _matches(checksum: Checksum, data: memoryview, crc: Callable[[int, int], int]) -> bool:
    """Whether the field in the file has the value that would be computed."""
    field = KINDS[checksum.kind](checksum.ranges, crc)
    return bytes(data[checksum.offset : checksum.offset + len(field)]) == field


def covered_by(tensor: Tensor, most: int = _MAX_RUNS) -> list[Interval]:
    """The byte ranges that writing the tensor fills completely.

    Args:
        tensor: The tensor.
        most: The number of ranges to return at most; there are none if they would be more.
    """
    if tensor.spec.count == 0 or most < 1:
        return []
    if tensor.strides is None:
        return [(tensor.offset, tensor.offset + tensor.spec.nbytes)]
    rows = run_grid(tensor)
    if math.prod(size for _, size in rows.grid) > min(most, _MAX_RUNS):
        return []
    starts = [rows.start]
    for step, size in rows.grid:
        starts = [at + step * index for at in starts for index in range(size)]
    return [(at, at + rows.run) for at in starts]


def complement(covered: Iterable[Interval], size: int) -> list[Interval]:
    """The ranges of `0..size` that no interval covers, in order."""
    gaps, done = [], 0
    for start, end in sorted(covered):
        if start > done:
            gaps.append((done, start))
        done = max(done, end)
    if done < size:
        gaps.append((done, size))
    return gaps
