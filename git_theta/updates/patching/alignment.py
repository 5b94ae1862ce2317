"""Alignment: the stretches of a file that another version of it has at the same or another place.

A file is cut into blocks, and for each a *shift* is looked for: the distance to the place in the base whose
bytes are equal or, in the upper bytes of floats, mostly so. Shifts come from the two ends of the files, from
the neighbours of a block, and from anchors: of all bytes, and, where every float was changed a little, of
their upper bytes alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from git_theta.updates.patching.anchors import Anchors, common_anchors, find_anchors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.patching.anchors import Bytes, Positions

#: Bytes of the smallest and the largest blocks, and the number of blocks that a file should have at least.
_SMALLEST, _LARGEST = 1 << 12, 1 << 16
_BLOCKS = 1 << 10

#: Bytes of a block that are compared with the base at a shift: from so many places, so many of each.
_PLACES, _SAMPLE = 4, 1 << 11

#: The share of equal bytes, among those of the best of eight positions, from which on a shift is certain, and
#: from which on it will do. Those of unrelated floats are below 0.4.
_CERTAIN, _POSSIBLE = 0.75, 0.5

#: Mean distance of anchors, in bytes; it's larger if they'd be more than so many.
_SPACING = 1 << 5
_MAX_ANCHORS = 1 << 18

#: Bytes of the keys of anchors, and of those of upper bytes, which change now and then.
_KEY, _PLANE_KEY = 32, 16

#: The number of shifts that anchors may suggest for a block.
_SUGGESTED = 4

#: Bits of entropy that an upper byte of floats has, and that it has less than lower ones. The first byte of
#: F64 has fewer, and says too little; the second one tells.
_UPPER_ENTROPY = (1.5, 6.5)
_LESS_ENTROPY = 1.0

#: Bytes of blocks without a shift that anchors of upper bytes are worth.
_WORTHWHILE = 1 << 16

#: The share of equal bytes, to which a stretch is extended at its ends.
_AT_ENDS = 0.15

#: Equal bytes after which a stretch ends at the first other one, if as many after that mostly differ.
_CLEARLY = 64

#: Shorter stretches, in bytes, are better found by a compressor.
_SHORTEST = 1 << 9

#: Stands for a block without a shift.
_NONE = 1 << 60


class Stretch(NamedTuple):
    """Bytes of a value that lie in its base, too, equal or similar.

    Attributes:
        start: Offset in the value.
        length: Number of bytes.
        shift: Offset in the base minus that in the value.
    """

    start: int
    length: int
    shift: int

    @property
    def end(self) -> int:
        """The offset in the value after the last byte."""
        return self.start + self.length


def align_bytes(value: Bytes, base: Bytes) -> list[Stretch]:
    """The stretches of a value that its base has, too, in the value's order.

    Args:
        value: The bytes of a file.
        base: Those of another version.
    """
    blocks = _BlockShifts(value, base)
    blocks.suggest_all({0, len(base) - len(value)})
    blocks.suggest_anchors()
    blocks.suggest_upper_bytes()
    return _refined(value, base, blocks.stretches(), blocks.size)


class _BlockShifts:
    """The shift of each block of a value."""

    def __init__(self, value: Bytes, base: Bytes) -> None:
        import numpy as np

        self._value = value
        self._base = base
        size = _SMALLEST
        while size < _LARGEST and size * _BLOCKS < len(value):
            size *= 2
        self.size = size
        self._shifts = np.full(-(-len(value) // size), _NONE, np.int64)
        self._scores = np.zeros(len(self._shifts))

    def suggest_all(self, shifts: Iterable[int]) -> None:
        """Try some shifts on all blocks."""
        tried = sorted(shifts)
        for block in range(len(self._shifts)):
            self._try(block, tried)

    def suggest_anchors(self) -> None:
        """Try the shifts of equal anchors on the blocks whose own isn't certain."""
        pending = self._pending()
        if not pending:
            return
        spacing = _spacing(len(self._base))
        others = find_anchors(self._base, spacing, _KEY)
        found = [
            _moved(find_anchors(self._value[start:stop], spacing, _KEY), start, 1)
            for start, stop in self._runs(pending)
        ]
        self._suggest_common(_joined(found), others, pending)

    def suggest_upper_bytes(self) -> None:
        """Try the shifts of equal anchors of floats' upper bytes on the blocks whose own isn't certain."""
        pending = self._pending()
        if len(pending) * self.size < min(_WORTHWHILE, len(self._value)):
            return
        kinds: dict[tuple[int, int], list[int]] = {}
        for block in pending:
            start, stop = self._range(block)
            kind = upper_byte(self._value[start:stop])
            if kind:
                kinds.setdefault(kind, []).append(block)
        for width in sorted({width for width, _ in kinds}):
            spacing = _spacing(len(self._base))
            others = _joined(
                _moved(find_anchors(self._base[phase::width], spacing, _PLANE_KEY), phase, width)
                for phase in range(width)
            )
            for (of_width, phase), blocks in kinds.items():
                if of_width != width:
                    continue
                found = [
                    _moved(
                        find_anchors(self._value[start + phase : stop : width], spacing, _PLANE_KEY),
                        start + phase,
                        width,
                    )
                    for start, stop in self._runs(blocks)
                ]
                self._suggest_common(_joined(found), others, blocks)

    def stretches(self) -> list[Stretch]:
        """Blocks of one shift, one after another, as stretches."""
        found: list[Stretch] = []
        for block, shift in enumerate(self._shifts.tolist()):
            if shift == _NONE:
                continue
            start, stop = self._range(block)
            # A block at an end of the base may have only a part there.
            start, stop = max(start, -shift), min(stop, len(self._base) - shift)
            if found and found[-1].end == start and found[-1].shift == shift:
                found[-1] = found[-1]._replace(length=stop - found[-1].start)
            elif stop > start:
                found.append(Stretch(start, stop - start, shift))
        return found

    def _suggest_common(self, anchors: Anchors, others: Anchors, blocks: list[int]) -> None:
        import numpy as np

        places, base_places = common_anchors(anchors, others)
        shifts = base_places - places
        bounds = np.searchsorted(places, [(b * self.size, (b + 1) * self.size) for b in blocks]).tolist()
        for block, (first, last) in zip(blocks, bounds, strict=True):
            self._try(block, [*_most_common(shifts[first:last]), *self._beside(block, -1)])
        for block in reversed(blocks):
            self._try(block, self._beside(block, 1))

    def _beside(self, block: int, step: int) -> list[int]:
        """The shift of a neighbour."""
        other = block + step
        if not 0 <= other < len(self._shifts) or self._shifts[other] == _NONE:
            return []
        return [int(self._shifts[other])]

    def _try(self, block: int, shifts: Iterable[int]) -> None:
        start, stop = self._range(block)
        for shift in shifts:
            if self._scores[block] >= 1:
                return
            score = _closeness(self._value[start:stop], self._base, start + shift)
            if score >= _POSSIBLE and score > self._scores[block]:
                self._scores[block], self._shifts[block] = score, shift

    def _pending(self) -> list[int]:
        import numpy as np

        found: list[int] = np.flatnonzero(self._scores < _CERTAIN).tolist()
        return found

    def _range(self, block: int) -> tuple[int, int]:
        return block * self.size, min((block + 1) * self.size, len(self._value))

    def _runs(self, blocks: list[int]) -> Iterator[tuple[int, int]]:
        """The bytes of some blocks; of neighbours, together."""
        first = last = blocks[0]
        for block in blocks[1:]:
            if block != last + 1:
                yield first * self.size, self._range(last)[1]
                first = block
            last = block
        yield first * self.size, self._range(last)[1]


def _closeness(block: Bytes, base: Bytes, start: int) -> float:
    """The share of equal bytes in a block and at a place of the base, for the best of eight positions."""
    import numpy as np

    low, high = max(0, -start), min(len(block), len(base) - start)
    if 2 * (high - low) < len(block):
        return 0.0
    mine, theirs = block[low:high], base[start + low : start + high]
    counted = 0
    counts = np.zeros(8, np.int64)
    size = min(_SAMPLE, len(mine) // 8 * 8)
    if not size:
        return float(np.mean(mine == theirs)) if len(mine) else 0.0
    places = np.linspace(0, len(mine) - size, _PLACES if len(mine) > size else 1).astype(int) // 8 * 8
    for place in places.tolist():
        equal = mine[place : place + size] == theirs[place : place + size]
        counts += equal.reshape(-1, 8).sum(axis=0)
        counted += size // 8
    best = int(counts.max())
    return best / counted


def _most_common(shifts: Positions) -> list[int]:
    """The shifts that most anchors of a block have."""
    import numpy as np

    if not len(shifts):
        return []
    kinds, counts = np.unique(shifts, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_SUGGESTED]
    found: list[int] = kinds[order].tolist()
    return found


def upper_byte(block: Bytes) -> tuple[int, int] | None:
    """The width in bytes of a block's floats, and the offset of their upper bytes, if it has floats."""
    import numpy as np

    size = min(len(block), _PLACES * _SAMPLE) // 8 * 8
    columns = block[:size].reshape(-1, 8).T
    if not size:
        return None
    entropies = np.array([_entropy(column) for column in columns])
    low, high = _UPPER_ENTROPY
    skewed = (entropies > low) & (entropies < min(high, entropies.max() - _LESS_ENTROPY))
    upper = np.flatnonzero(skewed)
    for width in (4, 2, 8):
        if len(upper) == 8 // width and np.all(upper % width == upper[0] % width):
            return width, int(upper[0])
    return None


def _entropy(column: Bytes) -> float:
    """Bits of entropy of bytes by their frequency."""
    import numpy as np

    shares = np.bincount(column, minlength=256) / len(column)
    shares = shares[shares > 0]
    return float(-np.sum(shares * np.log2(shares)))


def _spacing(size: int) -> int:
    spacing = _SPACING
    while size > spacing * _MAX_ANCHORS:
        spacing *= 2
    return spacing


def _moved(anchors: Anchors, start: int, stride: int) -> Anchors:
    """Anchors of a part of a file at their places in the file."""
    return Anchors(anchors.positions * stride + start, anchors.keys)


def _joined(anchors: Iterable[Anchors]) -> Anchors:
    import numpy as np

    parts = list(anchors)
    positions = np.concatenate([part.positions for part in parts])
    keys = np.concatenate([part.keys for part in parts])
    order = np.argsort(positions, kind="stable")
    return Anchors(positions[order], keys[order])


def _refined(value: Bytes, base: Bytes, stretches: list[Stretch], block: int) -> list[Stretch]:
    """Stretches whose ends are where the bytes stop being alike, not at those of blocks."""
    found: list[Stretch] = []
    done = 0
    for index, (start, length, shift) in enumerate(stretches):
        end = start + length
        following = stretches[index + 1] if index + 1 < len(stretches) else None
        last = following.start + min(block, following.length) if following else len(value)
        # From inside the first and the last block outwards.
        start = _extended(value, base, min(start + block, end), max(done, -shift), shift, block)
        end = _extended(value, base, max(end - block, start), min(last, len(base) - shift), shift, block)
        if end - start >= min(_SHORTEST, len(value)):
            found.append(Stretch(start, end - start, shift))
            done = end
    return found


def _alike(equal: NDArray[np.bool_]) -> int:
    """The number of bytes that are alike: all equal or, of floats that changed, some of them."""
    import numpy as np

    first = int(np.argmin(equal))
    if not equal[first] and first >= _CLEARLY and equal[first : first + _CLEARLY].mean() < _POSSIBLE:
        return first
    gains = np.cumsum(equal, dtype=np.float32) - _AT_ENDS * np.arange(1, len(equal) + 1, dtype=np.float32)
    best = int(np.argmax(gains))
    return best + 1 if gains[best] > 0 else 0


def _extended(value: Bytes, base: Bytes, start: int, limit: int, shift: int, block: int) -> int:
    """The offset up to which the bytes of value and base are alike, from `start` towards `limit`."""
    while start != limit:
        if limit > start:
            stop = min(limit, start + 2 * block)
            equal = value[start:stop] == base[start + shift : stop + shift]
        else:
            stop = max(limit, start - 2 * block)
            equal = (value[stop:start] == base[stop + shift : start + shift])[::-1]
        count = _alike(equal)
        start += count if limit > start else -count
        if count < len(equal):
            break
    return start
