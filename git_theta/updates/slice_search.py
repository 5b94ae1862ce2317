"""Slice search: where the rows, columns or channels of a tensor come from, in another one.

Slices are hashed by the signs of random projections of some of their elements, so that equal slices, and
mostly those that were trained a little further, have equal hashes (Charikar, "Similarity estimation
techniques from rounding algorithms", 2002). The search takes a time about proportional to the slices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from git_theta.codecs.frames import CHUNK
from git_theta.model.tensor import ITEM_SIZE, TensorSpec, numpy_dtype
from git_theta.updates.base import Base, Pieces
from git_theta.updates.rounding import ARITHMETIC, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

    Numbers = NDArray[np.float32]
    Index = NDArray[np.uint32]

#: Elements of a slice that are looked at.
_FEATURES = 64

#: Hashes of a slice, one of which must be equal, and bits of each.
_HASHES, _BITS = 6, 20

#: The share of slices that the first hashes must find: the others find a few more.
_LEAST_FOUND = 1 / 32

#: Slices correspond if the square of their distance is at most this share of the sum of their squares.
#: With few features strangers may be close: then slices must be equal.
CLOSE, FEW, EQUAL = 0.2, 32, 1e-4


#: Elements of the smallest slices: for single elements, an index is no shorter than they are.
_SMALLEST_SLICE = 8


#: An odd number whose multiples modulo 2³² are spread evenly.
_ODD = 0x9E3779B1


def sliced_axes(spec: TensorSpec, base: TensorSpec) -> list[int]:
    """The axes along which slices of a base of that type may be those of a value; the likeliest first."""
    if len(spec.shape) != len(base.shape) or len(spec.shape) < 2 or not min(spec.nbytes, base.nbytes):
        return []
    differing = [
        axis for axis, sizes in enumerate(zip(spec.shape, base.shape, strict=True)) if sizes[0] != sizes[1]
    ]
    axes = differing or sorted({0, 1, len(spec.shape) - 1})
    if len(differing) > 1:
        return []
    return [axis for axis in axes if spec.count // spec.shape[axis] >= _SMALLEST_SLICE]


def find_slices(value: memoryview, spec: TensorSpec, base: Base, axis: int) -> Index:
    """For each slice of a value, the slice of its base that it corresponds to; their number if there's none.

    Args:
        value: Logical bytes of the value.
        spec: Dtype and shape.
        base: A value of the same dtype, and the same shape but for the axis.
        axis: The axis that the slices are along.
    """
    import numpy as np

    ours = _features(Base(spec, lambda _nbytes: iter((value,))).chunks, spec, axis)
    theirs = _features(base.chunks, base.spec, axis)
    # Slices of one tensor often share a direction, which would decide most signs.
    middle = theirs.mean(axis=0)
    found = _nearest(ours - middle, theirs - middle)
    for forward in (True, False):
        found = _continued(found, ours, theirs, forward)
    index: Index = np.where(found < 0, len(theirs), found).astype("<u4")
    return index


def find_shuffled(value: memoryview, spec: TensorSpec, base: Base) -> Index:
    """For each slice along the first axis, the one of the base that has the same elements in any order.

    Where a layer's inputs and outputs are permuted, so are its slices and the elements of each. A slice
    without a counterpart has the base's number of slices.

    Args:
        value: Logical bytes of the value.
        spec: Dtype and shape, of the base too.
        base: The other tensor.
    """
    import numpy as np

    count = spec.shape[0]
    size = max(1, CHUNK * count // spec.nbytes) * (spec.nbytes // count)

    def sums(chunks: Callable[[int], Pieces]) -> NDArray[np.unsignedinteger]:
        words = (np.frombuffer(piece, f"<u{spec.word_size}") for piece in chunks(size))
        row = spec.nbytes // count // spec.word_size
        return np.concatenate([unordered_hashes(each.reshape(-1, row)) for each in words])

    ours, theirs = sums(Base(spec, lambda _nbytes: iter((value,))).chunks), sums(base.chunks)
    order = np.argsort(theirs, kind="stable")
    found = order[np.minimum(np.searchsorted(theirs[order], ours), count - 1)]
    index: Index = np.where(theirs[found] == ours, found, count).astype("<u4")
    return index


def unordered_hashes(rows: Words) -> NDArray[np.unsignedinteger]:
    """A hash of each row of machine words: equal for rows that have the same words in any order.

    Sums that wrap around will do, of words of at least 32 bits; narrower ones are spread over as many before.
    """
    import numpy as np

    if rows.itemsize < 4:
        rows = rows.astype(np.uint32) * np.uint32(_ODD)
        rows ^= rows >> np.uint32(15)
        rows *= np.uint32(_ODD)
    found: NDArray[np.unsignedinteger] = rows.sum(axis=1, dtype=rows.dtype)
    return found


def _features(chunks: Callable[[int], Pieces], spec: TensorSpec, axis: int) -> Numbers:
    """Some elements of each slice as float32, shape (slices, features).

    Args:
        chunks: Gives the tensor's bytes in pieces of a size.
        spec: Dtype and shape of the tensor.
        axis: The axis that the slices are along.
    """
    import numpy as np

    outer, count, inner = math.prod(spec.shape[:axis]), spec.shape[axis], math.prod(spec.shape[axis + 1 :])
    places = np.unique(np.linspace(0, outer * inner - 1, _FEATURES).astype(int))
    row = inner if outer == 1 else count * inner
    size = max(1, CHUNK // (row * spec.item_size)) * row * spec.item_size
    found, start = [], 0
    for piece in chunks(size):
        words = np.frombuffer(piece, f"<u{spec.item_size}")
        if outer == 1:
            found.append(numbers_of(words.reshape(-1, inner)[:, places], spec.dtype))
            continue
        rows = words.reshape(-1, count, inner)
        here = places[(places >= start * inner) & (places < (start + len(rows)) * inner)] - start * inner
        found.append(numbers_of(rows[here // inner, :, here % inner], spec.dtype))
        start += len(rows)
    return np.concatenate(found) if outer == 1 else np.ascontiguousarray(np.concatenate(found).T)


def numbers_of(words: NDArray[Any], dtype: str) -> Numbers:
    """Elements as float32; 0 for those that aren't finite or can't be computed with."""
    import numpy as np

    if dtype == "F32":
        numbers = np.array(words).view("<f4")
    elif dtype in ARITHMETIC:
        numbers = widen(np.ascontiguousarray(words).reshape(-1), dtype).reshape(words.shape)
    elif dtype.startswith("C") or dtype not in ITEM_SIZE:
        return np.zeros(words.shape, np.float32)
    else:
        numbers = np.ascontiguousarray(words).view(numpy_dtype(dtype))
    with np.errstate(over="ignore"):
        found: Numbers = numbers.astype(np.float32, copy=False)
    finite = np.isfinite(found)
    return found if finite.all() else np.where(finite, found, np.float32(0))


def _nearest(ours: Numbers, theirs: Numbers) -> NDArray[np.intp]:
    """For each row the nearest of the other rows that have one of its hashes; -1 for none that is close."""
    import numpy as np

    best = np.full(len(ours), -1)
    least = np.full(len(ours), np.inf)
    for number, (keys, others) in enumerate(zip(_hashes(ours), _hashes(theirs), strict=True)):
        if number > 1 and np.count_nonzero(least <= _limit(ours)) < _LEAST_FOUND * len(ours):
            break
        order = np.argsort(others, kind="stable")
        places = np.minimum(np.searchsorted(others[order], keys), len(others) - 1)
        candidates = order[places]
        distances = _distances(ours, theirs[candidates])
        nearer = (others[candidates] == keys) & (distances < least)
        best[nearer], least[nearer] = candidates[nearer], distances[nearer]
    best[least > _limit(ours)] = -1
    return best


def _hashes(rows: Numbers) -> Iterator[NDArray[Any]]:
    """Hashes of rows: one that is equal for equal rows alone, then some of near rows."""
    import numpy as np

    rng = np.random.default_rng(0)
    odd = rng.integers(1, 1 << 63, rows.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    yield (rows.view(np.uint32) * odd).sum(axis=1, dtype=np.uint64)
    weights = (1 << np.arange(_BITS)).astype(np.float32)
    for _ in range(_HASHES):
        projection = rng.standard_normal((rows.shape[1], _BITS)).astype(np.float32)
        yield ((rows @ projection) > 0) @ weights


def _continued(found: NDArray[np.intp], ours: Numbers, theirs: Numbers, forward: bool) -> NDArray[np.intp]:
    """The same matches, and for rows without one the row beside their neighbour's match, if that's close."""
    import numpy as np

    if not forward:
        reversed_match = np.where(found < 0, -1, len(theirs) - 1 - found)[::-1]
        continued = _continued(reversed_match, ours[::-1], theirs[::-1], True)[::-1]
        return np.where(continued < 0, -1, len(theirs) - 1 - continued)
    places = np.arange(len(found))
    last = np.maximum.accumulate(np.where(found >= 0, places, -1))
    expected = found[last] + places - last
    possible = (found < 0) & (last >= 0) & (expected < len(theirs))
    rows = places[possible]
    near = _distances(ours[rows], theirs[expected[rows]]) <= _limit(ours)
    continued = found.copy()
    continued[rows[near]] = expected[rows[near]]
    return continued


def _limit(features: Numbers) -> float:
    return CLOSE if features.shape[1] >= FEW else EQUAL


def _distances(ours: Numbers, theirs: Numbers) -> Numbers:
    """The square of the distance of each two rows, as a share of the sum of their squares; 0 for zeros."""
    import numpy as np

    total = np.einsum("ij,ij->i", ours, ours) + np.einsum("ij,ij->i", theirs, theirs)
    difference = ours - theirs
    found: Numbers = np.einsum("ij,ij->i", difference, difference) / np.maximum(total, np.float32(1e-30))
    return found
