"""Moved slices: a quick sign of whether rows, columns or channels of a base are in other places of a value.

The search for all of them reads the whole base several times, and most values that aren't near their base
have nothing in common with it. So some slices of the base are compared with those of the value before.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from git_theta.model.places import spread_places
from git_theta.updates.base import Sample
from git_theta.updates.slice_search import CLOSE, EQUAL, FEW, numbers_of, sliced_axes, unordered_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words
    from git_theta.updates.slice_search import Numbers

#: Slices of the base that are looked for, those of the value among which they may be, and elements of each
#: that are compared.
_LOOKED_FOR, _COMPARED, _FEATURES = 96, 4096, 32

#: The share of the slices that must be found: fewer would be too few for a payload of moved slices.
_LEAST_FOUND = 1 / 64


class _Slices(NamedTuple):
    """Elements of some slices of a base, and the same ones of slices of a value.

    Attributes:
        base_places: The indices of the base's slices.
        base: Their elements as float32, shape (slices, elements).
        value_places: The indices of the value's slices.
        value: Their elements, likewise.
    """

    base_places: NDArray[np.intp]
    base: Numbers
    value_places: NDArray[np.intp]
    value: Numbers


def may_have_moved(value: memoryview, samples: Sequence[Sample]) -> bool:
    """Whether slices of a base seem to be in other places of a value.

    Args:
        value: Logical bytes.
        samples: Stretches of value and base, of one dtype and shape, from all over them.
    """
    import numpy as np

    if not samples:
        return False
    spec = samples[0].spec
    words = np.frombuffer(value, f"<u{spec.word_size}")
    if spec.word_size != spec.item_size:
        # Of complex numbers, nothing is computed: the search itself looks for equal slices.
        return True
    axes = sliced_axes(spec, spec)
    return any(_are_elsewhere(_slices(axis, words, samples)) for axis in axes) or _are_shuffled(samples)


def _are_elsewhere(found: Iterator[_Slices]) -> bool:
    """Whether some slices of the base are in other places of the value."""
    moved = looked_for = 0
    for slices in found:
        moved += _count_elsewhere(slices)
        looked_for += len(slices.base)
    return moved > _LEAST_FOUND * looked_for


def _count_elsewhere(slices: _Slices) -> int:
    """How many slices of the base are in other places of the value."""
    import numpy as np

    # Slices of one tensor often share a direction, and elements of a slice a level: neither is a sign.
    middle = slices.value.mean(axis=0)
    ours, theirs = _less_mean(slices.value - middle), _less_mean(slices.base - middle)
    own, other = (np.einsum("ij,ij->i", each, each) for each in (ours, theirs))
    total = other[:, None] + own
    near = total - 2 * (theirs @ ours.T) < (CLOSE if ours.shape[1] >= FEW else EQUAL) * total
    near &= slices.base_places[:, None] != slices.value_places
    return int(near.any(axis=1).sum())


def _less_mean(rows: Numbers) -> Numbers:
    """Rows, each less its mean."""
    centred: Numbers = rows - rows.mean(axis=1, keepdims=True)
    return centred


def _slices(axis: int, words: Words, samples: Sequence[Sample]) -> Iterator[_Slices]:
    """Slices along an axis, of which some elements are in the samples."""
    shape = samples[0].spec.shape
    block = math.prod(shape[axis:])
    if math.prod(shape[:axis]) > 1 and all(_whole(sample, block)[1] for sample in samples):
        yield _across_blocks(axis, words, samples)
    else:
        yield from _within_blocks(axis, words, samples)


def _across_blocks(axis: int, words: Words, samples: Sequence[Sample]) -> _Slices:
    """Some slices of which each has elements in all indices of the dimensions before the axis."""
    import numpy as np

    spec = samples[0].spec
    count, inner = spec.shape[axis], math.prod(spec.shape[axis + 1 :])
    places, every = spread_places(count, _LOOKED_FOR), spread_places(count, _COMPARED)
    base, value = [], []
    for sample in samples:
        first, blocks = _whole(sample, count * inner)
        elements = spread_places(blocks * inner, -(-_FEATURES // len(samples)))
        offsets = first + elements // inner * (count * inner) + elements % inner
        base.append(sample.base[places[:, None] * inner + offsets])
        value.append(words[every[:, None] * inner + (sample.start + offsets)])
    return _Slices(
        places,
        numbers_of(np.concatenate(base, axis=1), spec.dtype),
        every,
        numbers_of(np.concatenate(value, axis=1), spec.dtype),
    )


def _within_blocks(axis: int, words: Words, samples: Sequence[Sample]) -> Iterator[_Slices]:
    """Some slices of which the samples have elements of one index of the dimensions before the axis.

    These elements are all that the slice has there, or some of a slice that is larger than a sample.
    """
    import numpy as np

    spec = samples[0].spec
    count, inner = spec.shape[axis], math.prod(spec.shape[axis + 1 :])
    found: dict[tuple[int, int, int], list[tuple[Sample, NDArray[np.intp]]]] = defaultdict(list)
    for sample in samples:
        first, whole = _whole(sample, inner)
        start = sample.start + first
        if whole:
            # Slices in the block that the first one is in.
            most = min(whole, count - start // inner % count)
            slices = start // inner + spread_places(most, -(-_LOOKED_FOR // len(samples)))
            found[start // inner // count, 0, inner].append((sample, slices))
        else:
            at, offset = divmod(sample.start, inner)
            end = min(inner, offset + len(sample.base))
            found[at // count, offset, end].append((sample, np.array([at])))
    every = spread_places(count, _COMPARED)
    for (block, start, end), parts in found.items():
        elements = start + spread_places(end - start, _FEATURES)
        base = [sample.base[slices[:, None] * inner - sample.start + elements] for sample, slices in parts]
        rows = words[block * count * inner : (block + 1) * count * inner].reshape(count, inner)
        yield _Slices(
            np.concatenate([slices for _, slices in parts]) % count,
            numbers_of(np.concatenate(base), spec.dtype),
            every,
            numbers_of(rows[every[:, None], elements], spec.dtype),
        )


def _are_shuffled(samples: Sequence[Sample]) -> bool:
    """Whether slices along the first axis are in other places, with their elements in another order."""
    import numpy as np

    row = math.prod(samples[0].spec.shape[1:])
    ours, theirs = [], []
    for sample in samples:
        first, count = _whole(sample, row)
        value, base = (
            words[first : first + count * row].reshape(count, row) for words in (sample.value, sample.base)
        )
        few = spread_places(count, -(-_LOOKED_FOR // len(samples)))
        own, other = unordered_hashes(value), unordered_hashes(base[few])
        ours.append(own)
        theirs.append(other[own[few] != other])
    own, moved = np.concatenate(ours), np.concatenate(theirs)
    # Of a large tensor, the samples have a part of the rows, and as large a part of those that they went to.
    share = len(own) / max(1, samples[0].spec.shape[0])
    return int(np.isin(moved, own).sum()) > max(1, _LEAST_FOUND * share * len(moved))


def _whole(sample: Sample, size: int) -> tuple[int, int]:
    """The index of the first word of the first whole piece of `size` words in a sample, and their number."""
    first = -sample.start % size
    return first, max(0, len(sample.base) - first) // size
