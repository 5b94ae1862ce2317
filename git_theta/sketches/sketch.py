"""Sketches: a few elements of a tensor, at places that depend on the tensor's size alone.

Two tensors are compared by the differences of their sampled elements, counted in representable numbers as in
a delta, so the mean number of bits of these differences predicts the size of the delta. All elements become
float32, so that tensors of different dtypes can be compared, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.updates.ordered import is_ordered, ordered
from git_theta.updates.rounding import COMPUTABLE, widen

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Keys = NDArray[np.uint32]

#: Smaller values, in bytes, have no sketch: a search would take longer than storing them.
MIN_SKETCHED = 1 << 12

#: The number of elements in the smallest sketches, and in the beginnings of all.
HEAD = 16

#: The number of elements in the largest sketches.
_MAX_SAMPLES = 256

#: A sketch takes at most one of so many bytes of the tensor.
_SHARE = 64

#: 2⁶⁴ divided by the golden ratio: its multiples, modulo 2⁶⁴, are spread evenly, however many there are, and
#: have no period in common with rows or columns.
_STEP = 0x9E3779B97F4A7C15

#: The number of low bits of float32 that a narrower dtype doesn't have.
_MISSING_BITS = {
    "BF16": 16,
    "F16": 13,
    "C32": 13,
    "F8_E4M3": 20,
    "F8_E4M3FNUZ": 20,
    "F8_E5M2": 21,
    "F8_E5M2FNUZ": 21,
}


@dataclass(frozen=True, eq=False, slots=True)
class Sketch:
    """Some elements of a tensor.

    Attributes:
        spec: Dtype and shape of the tensor.
        keys: uint32, flat: the elements as float32, mapped to integers of the same order; elements of integer
            dtypes by their low 32 bits. More important ones come first: each beginning is spread over the
            whole tensor.
    """

    spec: TensorSpec
    keys: Keys


def sample_count(spec: TensorSpec) -> int:
    """The number of elements in the sketch of a tensor, a power of two; 0 if it has none."""
    if spec.nbytes < MIN_SKETCHED:
        return 0
    count = HEAD
    while count < _MAX_SAMPLES and 2 * count * 4 * _SHARE <= spec.nbytes:
        count *= 2
    return count


@lru_cache(maxsize=256)
def sample_positions(elements: int, samples: int) -> NDArray[np.int64]:
    """Indices of the sampled elements, flat.

    Args:
        elements: The number of elements of the tensor; a complex number counts as two.
        samples: The number of indices.
    """
    import numpy as np

    fractions = ((_STEP * index) % (1 << 64) for index in range(1, samples + 1))
    return np.array([fraction * elements >> 64 for fraction in fractions], np.int64)


def sketch(value: memoryview, spec: TensorSpec) -> Sketch | None:
    """The sketch of a value; `None` for a small one.

    Args:
        value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
        spec: Dtype and shape.
    """
    import numpy as np

    samples = sample_count(spec)
    if not samples:
        return None
    words = np.frombuffer(value, f"<u{spec.word_size}")
    return Sketch(spec, sample_keys(words[sample_positions(len(words), samples)], spec))


class SampleTaker:
    """Takes the samples of a value's sketch from its bytes as they pass by.

    Args:
        spec: Dtype and shape of the value, which has a sketch.
    """

    def __init__(self, spec: TensorSpec) -> None:
        import numpy as np

        self._spec = spec
        self._wanted = _sampled_bytes(spec.nbytes // spec.word_size, sample_count(spec), spec.word_size)
        self._sampled = np.zeros(len(self._wanted), np.uint8)
        self._start = 0

    def take(self, piece: memoryview) -> None:
        """Take samples from the next bytes of the value."""
        import numpy as np

        first, last = np.searchsorted(self._wanted, (self._start, self._start + len(piece)))
        if first < last:
            places = self._wanted[first:last] - self._start
            self._sampled[first:last] = np.frombuffer(piece, np.uint8)[places]
        self._start += len(piece)

    def sketch(self) -> Sketch:
        """The sketch, once all bytes have passed."""
        import numpy as np

        words = self._sampled.view(f"<u{self._spec.word_size}")
        positions = sample_positions(self._spec.nbytes // self._spec.word_size, len(words))
        keys = np.empty(len(words), np.uint32)
        keys[np.argsort(positions, kind="stable")] = sample_keys(words, self._spec)
        return Sketch(self._spec, keys)


@lru_cache(maxsize=64)
def _sampled_bytes(elements: int, samples: int, word_size: int) -> NDArray[np.int64]:
    """Indices of the bytes of the sampled elements, ascending."""
    import numpy as np

    positions = np.sort(sample_positions(elements, samples))
    return (positions[:, None] * word_size + np.arange(word_size)).reshape(-1)


def sample_keys(words: NDArray[np.unsignedinteger[Any]], spec: TensorSpec) -> Keys:
    """Machine words of a tensor as the keys of a sketch, in their order.

    Args:
        words: Some words of the tensor, flat.
        spec: Dtype and shape of the tensor.
    """
    import numpy as np

    if spec.dtype in COMPUTABLE:
        if spec.dtype in ("F32", "C64"):
            floats = words
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                floats = widen(words, spec.dtype).astype("<f4").view("<u4")
        return ordered(floats).astype(np.uint32, copy=False)
    if is_ordered(spec) or spec.dtype == "BOOL":
        return words.astype(np.uint32)
    return words.view(numpy_dtype(spec.dtype)).astype(np.int64).astype(np.uint32)


def comparable(one: TensorSpec, other: TensorSpec) -> bool:
    """Whether the keys of two dtypes are numbers of the same scale."""
    return one.dtype == other.dtype or (one.dtype in COMPUTABLE and other.dtype in COMPUTABLE)


def resolution(spec: TensorSpec) -> int:
    """The number of low bits of a key that the elements of a dtype don't have."""
    return _MISSING_BITS.get(spec.dtype, 0)


def difference_bits(keys: Keys, others: Keys, missing: int) -> NDArray[np.int32]:
    """The number of bits of the difference between each two keys, from 0 to 32.

    Args:
        keys: The keys of a new value, in any shape.
        others: The keys of bases, in a shape that can be broadcast with the other one.
        missing: The number of low bits that don't count: `resolution` of the new value.
    """
    import numpy as np

    steps = np.abs(np.subtract(others, keys).view(np.int32)).view(np.uint32)
    np.right_shift(steps, missing, out=steps)
    # The exponent of a float32 is the number of bits of an integer; that of zero is below all others.
    bits = np.right_shift(steps.astype(np.float32).view(np.int32), 23)
    return np.maximum(np.subtract(bits, 126, out=bits), 0, out=bits)


def own_bits(keys: Keys, missing: int) -> float:
    """The mean number of bits of the differences between a value and an unrelated one like it.

    The value is compared with itself in another order.

    Args:
        keys: The keys of the value, flat.
        missing: As for `difference_bits`.
    """
    import numpy as np

    half = len(keys) // 2
    others = np.concatenate([keys[1:], keys[:1], keys[half:], keys[:half]]).reshape(2, -1)
    return float(difference_bits(keys, others, missing).sum()) / others.size
