"""Parts of a patched value: new bytes, and then some that come from a place of the base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from git_theta.codecs.frames import CHUNK
from git_theta.errors import CorruptError
from git_theta.updates.patching.word_types import BYTES, WordType, WordTypeGuess, width_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.patching.alignment import Stretch
    from git_theta.updates.patching.anchors import Bytes

#: The dtypes that bytes from the base may have, by their number in a payload.
DTYPES = ("U8", "BF16", "F16", "F32", "F64")

#: More parts than this cost more than they save.
MAX_PARTS = 10_000

#: Bytes whose word type is guessed together.
_GUESSED = 1 << 18


class PatchPart(NamedTuple):
    """New bytes of a value, and the bytes after them, which differ from some of the base by a residual.

    Attributes:
        new: The number of new bytes; it may be 0.
        start: Offset in the base of the bytes that come from there.
        length: Their number, of whole words; it may be 0.
        dtype: One of `DTYPES`.
    """

    new: int
    start: int
    length: int
    dtype: str


def parts_of(value: Bytes, base: Bytes, stretches: Sequence[Stretch]) -> list[PatchPart]:
    """The parts of a value that has some stretches in common with a base.

    Args:
        value: Bytes of the value.
        base: Bytes of the base.
        stretches: In the value's order; they don't overlap.
    """
    parts: list[PatchPart] = []
    done = 0
    for stretch in stretches:
        for start, length, word in _typed(value, base, stretch):
            width = width_of(word.dtype)
            first = start + (word.phase - start) % width
            length = (start + length - first) // width * width
            if length > 0:
                parts.append(PatchPart(first - done, first + stretch.shift, length, word.dtype))
                done = first + length
    if len(parts) >= MAX_PARTS:
        parts = _longest(parts)
    left = len(value) - sum(part.new + part.length for part in parts)
    return [*parts, PatchPart(left, 0, 0, BYTES.dtype)] if left else parts


def pack_parts(parts: Sequence[PatchPart]) -> NDArray[np.uint64]:
    """Parts as numbers in four rows, which are alike where many names have one length.

    Args:
        parts: The parts.

    Returns:
        uint64 [4, parts]: new bytes; in zig-zag form, the bytes from the end of the part before to the start,
        in the base; length; and number of the dtype.
    """
    import numpy as np

    rows: list[tuple[int, int, int, int]] = []
    end = 0
    for part in parts:
        start = part.start if part.length else end
        distance = start - end
        zig_zag = 2 * distance if distance >= 0 else -2 * distance - 1
        rows.append((part.new, zig_zag, part.length, DTYPES.index(part.dtype)))
        end = start + part.length
    return np.ascontiguousarray(np.array(rows, np.uint64).reshape(-1, 4).T)


def unpack_parts(numbers: NDArray[np.uint64], nbytes: int, base_nbytes: int) -> list[PatchPart]:
    """The parts that `pack_parts` packed.

    Args:
        numbers: uint64 [4, parts].
        nbytes: Bytes that they must give.
        base_nbytes: Bytes of the base.

    Raises:
        CorruptError: They lead out of the base, or give another number of bytes.
    """
    parts: list[PatchPart] = []
    end = total = 0
    for new, zig_zag, length, dtype in numbers.T.tolist():
        start = end + (zig_zag >> 1 if zig_zag % 2 == 0 else -(zig_zag + 1 >> 1))
        end = start + length
        if dtype >= len(DTYPES) or start < 0 or end > base_nbytes:
            raise CorruptError("the payload's parts lie outside its base")
        parts.append(PatchPart(new, start, length, DTYPES[dtype]))
        total += new + length
        if length % width_of(DTYPES[dtype]) or total > nbytes:
            raise CorruptError("the payload's parts make no sense")
    if total != nbytes:
        raise CorruptError(f"the payload's parts give {total:,} bytes, not {nbytes:,}")
    return parts


def chunks_of(part: PatchPart) -> Iterator[tuple[int, int]]:
    """Offset in the base and length of each chunk of the bytes that come from there."""
    for start in range(part.start, part.start + part.length, CHUNK):
        yield start, min(CHUNK, part.start + part.length - start)


def _typed(value: Bytes, base: Bytes, stretch: Stretch) -> Iterator[tuple[int, int, WordType]]:
    """Pieces of a stretch, each with the type of its words; phases count from the value's begin."""
    guess = WordTypeGuess()
    piece, known = stretch.start, None
    for start in range(stretch.start, stretch.end, _GUESSED):
        stop = min(start + _GUESSED, stretch.end)
        word = guess.of(value[start:stop], base[start + stretch.shift : stop + stretch.shift])
        if word is None:
            # Equal bytes are of any type.
            continue
        word = WordType(word.dtype, (word.phase + start) % width_of(word.dtype))
        if known and word != known:
            yield piece, start - piece, known
            piece = start
        known = word
    yield piece, stretch.end - piece, known or BYTES


def _longest(parts: list[PatchPart]) -> list[PatchPart]:
    """The longest parts; the bytes of the others are new ones."""
    kept = sorted(range(len(parts)), key=lambda index: -parts[index].length)[: MAX_PARTS - 1]
    found: list[PatchPart] = []
    chosen, new = set(kept), 0
    for index, part in enumerate(parts):
        if index in chosen:
            found.append(part._replace(new=new + part.new))
            new = 0
        else:
            new += part.new + part.length
    return found
