"""Statistics of one value: computed piece by piece in float64, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec, numpy_dtype

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Shares of the elements that quantiles are computed for.
SHARES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)

#: Elements that are looked at together.
_CHUNK = 1 << 19

#: Up to so many elements, quantiles and histogram are exact.
_EXACT = 1 << 22

#: Beyond, elements are counted by the highest bits of their float64: sign, exponent, 8 bits of mantissa.
_KEY_BITS = 20

_BINS = 20

#: numpy's own limits: a longer array is abridged, to so many elements at each end of a dimension.
_WHOLE = 1000
_EDGE = 3


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often numbers fall between edges; the last bin has its upper edge too.

    Attributes:
        edges: One more than there are bins, ascending.
        counts: Finite elements in each bin; they're estimates if the statistics aren't exact.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of a value. Of complex numbers, it's the magnitudes that are described.

    All but the counts are of the finite elements, and `None` if there aren't any.

    Attributes:
        count: How many elements there are.
        zeros: How many of them are zero.
        nans: How many are no number.
        infinities: How many are infinite: positive, negative.
        mean: Their mean.
        std: Their standard deviation, dividing by their number.
        low: The least one.
        high: The greatest one.
        l1: Sum of the absolute values.
        l2: Root of the sum of squares.
        quantiles: Shares → quantiles: linear between neighbours, or the lower one of very many elements.
        histogram: Of all finite elements.
        exact: Whether quantiles and histogram are exact; else quantiles are within 0.4 % of their own size.
    """

    count: int
    zeros: int
    nans: int
    infinities: tuple[int, int]
    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    l1: float
    l2: float
    quantiles: dict[float, float]
    histogram: Histogram | None
    exact: bool

    @property
    def finite(self) -> int:
        """How many elements are finite."""
        return self.count - self.nans - sum(self.infinities)


def statistics(pieces: Iterable[memoryview], spec: TensorSpec) -> Statistics:
    """Describe a value.

    Args:
        pieces: Its logical bytes, in order, cut anywhere; each is used before the next is asked for.
        spec: Dtype and shape.

    Raises:
        CorruptError: There are more or fewer bytes than the spec says.
    """
    import numpy as np

    spread = _Exact() if spec.count <= _EXACT else _Sketch()
    sums = _Sums()
    zeros = nans = above = below = 0
    for chunk in _chunks(pieces, spec):
        numbers = _numbers(chunk, spec)
        zeros += int(np.count_nonzero(numbers == 0))
        finite = np.isfinite(numbers)
        if not finite.all():
            nans += int(np.count_nonzero(np.isnan(numbers)))
            above += int(np.count_nonzero(numbers == np.inf))
            below += int(np.count_nonzero(numbers == -np.inf))
            numbers = numbers[finite]
        if numbers.size:
            sums.add(numbers)
            spread.add(numbers)
    has_any = sums.count > 0
    integral = spec.dtype == "BOOL" or spec.dtype[0] in "IU"
    return Statistics(
        count=spec.count,
        zeros=zeros,
        nans=nans,
        infinities=(above, below),
        mean=sums.mean if has_any else None,
        std=math.sqrt(sums.squares / sums.count) if has_any else None,
        low=sums.low if has_any else None,
        high=sums.high if has_any else None,
        l1=sums.l1,
        l2=math.sqrt(sums.l2),
        quantiles=spread.quantiles(sums.low, sums.high) if has_any else {},
        histogram=spread.histogram(_edges(sums.low, sums.high, integral)) if has_any else None,
        exact=isinstance(spread, _Exact) or spec.item_size == 1 or spec.dtype == "BF16",
    )


def abridged(pieces: Iterable[memoryview], spec: TensorSpec) -> tuple[NDArray[Any], bool]:
    """The elements that numpy shows of a value, and whether that's not all of them.

    Of a value that is abridged, each longer dimension has its first and last three elements and one between
    that stands for the rest. Where even that is a lot, the value counts as a vector.

    Raises:
        CorruptError: There are more or fewer bytes than the spec says.
    """
    import numpy as np

    dtype = numpy_dtype(spec.dtype)
    whole = spec.count <= _WHOLE
    shape = spec.shape
    if not whole and math.prod(min(size, 2 * _EDGE + 1) for size in shape) > _WHOLE * 10:
        shape = (spec.count,)
    kept = [_kept(size, whole) for size in shape]
    steps = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    wanted = np.zeros((), np.int64)
    for places, step in zip(kept, steps, strict=True):
        wanted = wanted[..., None] + np.array(places, np.int64) * step
    out = np.zeros(wanted.size, dtype)
    flat = wanted.ravel()
    at = 0
    for chunk in _chunks(pieces, spec):
        words = np.frombuffer(chunk, dtype)
        low, high = np.searchsorted(flat, (at, at + words.size))
        out[low:high] = words[flat[low:high] - at]
        at += words.size
    return out.reshape(wanted.shape), not whole


def _kept(size: int, whole: bool) -> list[int]:
    if whole or size <= 2 * _EDGE + 1:
        return list(range(size))
    return [*range(_EDGE + 1), *range(size - _EDGE, size)]


def _chunks(pieces: Iterable[memoryview], spec: TensorSpec) -> Iterator[memoryview]:
    """The bytes in chunks of one size, so that equal values have equal sums; each is valid until the next."""
    buffer = memoryview(bytearray(min(_CHUNK * spec.item_size, spec.nbytes)))
    size = filled = 0
    for piece in pieces:
        size += len(piece)
        if size > spec.nbytes:
            break
        taken = 0
        while taken < len(piece):
            part = piece[taken : taken + len(buffer) - filled]
            buffer[filled : filled + len(part)] = part
            taken, filled = taken + len(part), filled + len(part)
            if filled == len(buffer):
                yield buffer
                filled = 0
    if size != spec.nbytes:
        raise CorruptError(f"the value has {size} bytes or more, not {spec.nbytes}")
    if filled:
        yield buffer[:filled]


def _numbers(chunk: memoryview, spec: TensorSpec) -> NDArray[np.float64]:
    """Elements as float64; of complex numbers the magnitude, no number if one of the parts is none."""
    import numpy as np

    if spec.dtype.startswith("C"):
        part = np.dtype(f"<f{spec.word_size}")
        with np.errstate(invalid="ignore"):
            parts = np.frombuffer(chunk, part).astype(np.float64).reshape(-1, 2)
            found: NDArray[np.float64] = np.hypot(parts[:, 0], parts[:, 1])
        found[np.isnan(parts).any(axis=1)] = np.nan
        return found
    if spec.dtype == "BOOL":
        # Any byte may stand in a file, and numpy takes only 0 and 1 for granted.
        truths: NDArray[np.float64] = (np.frombuffer(chunk, np.uint8) != 0).astype(np.float64)
        return truths
    with np.errstate(invalid="ignore"):
        return np.frombuffer(chunk, numpy_dtype(spec.dtype)).astype(np.float64)


class _Sums:
    """Count, extremes, and sums that don't lose digits where the mean is far from zero."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = self.l1 = self.l2 = 0.0
        self.low, self.high = math.inf, -math.inf

    def add(self, numbers: NDArray[np.float64]) -> None:
        import numpy as np

        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(numbers.mean())
            off = numbers - mean
            total = self.count + numbers.size
            step = mean - self.mean
            self.squares += float(np.dot(off, off)) + step * step * self.count * numbers.size / total
            self.mean += step * numbers.size / total
            self.l1 += float(np.abs(numbers).sum())
            self.l2 += float(np.dot(numbers, numbers))
        self.count = total
        self.low = min(self.low, float(numbers.min()))
        self.high = max(self.high, float(numbers.max()))


class _Exact:
    """All elements."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.float64]] = []

    def add(self, numbers: NDArray[np.float64]) -> None:
        self._parts.append(numbers)

    def quantiles(self, low: float, high: float) -> dict[float, float]:
        import numpy as np

        # Neighbours may be so far apart that their difference is no finite number.
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.quantile(np.concatenate(self._parts), SHARES)
        return dict(zip(SHARES, found.tolist(), strict=True))

    def histogram(self, edges: list[float]) -> Histogram:
        import numpy as np

        counts = np.zeros(len(edges) - 1, np.int64)
        for part in self._parts:
            counts += np.histogram(part, edges)[0]
        return Histogram(tuple(edges), tuple(counts.tolist()))


class _Sketch:
    """How many elements have the same highest bits. What has no more bits than that is exact."""

    def __init__(self) -> None:
        import numpy as np

        self._counts = np.zeros(1 << _KEY_BITS, np.int64)

    def add(self, numbers: NDArray[np.float64]) -> None:
        import numpy as np

        keys = (numbers.view(np.int64) >> (64 - _KEY_BITS)) & ((1 << _KEY_BITS) - 1)
        self._counts += np.bincount(keys, minlength=len(self._counts))

    def _sorted(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Of the bins in use, ascending, the number nearest to zero, and how many elements there are."""
        import numpy as np

        keys = np.flatnonzero(self._counts)
        values = (keys.astype(np.uint64) << np.uint64(64 - _KEY_BITS)).view(np.float64)
        order = np.argsort(values, kind="stable")
        return values[order], self._counts[keys[order]]

    def quantiles(self, low: float, high: float) -> dict[float, float]:
        import numpy as np

        values, counts = self._sorted()
        ends = np.cumsum(counts)
        places = np.searchsorted(ends, np.array(SHARES) * (ends[-1] - 1), side="right")
        return dict(zip(SHARES, np.clip(values[places], low, high).tolist(), strict=True))

    def histogram(self, edges: list[float]) -> Histogram:
        import numpy as np

        values, weights = self._sorted()
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges, weights=weights)
        return Histogram(tuple(edges), tuple(counts.tolist()))


def _edges(low: float, high: float, integral: bool) -> list[float]:
    """Edges of bins of one width; each of a few integers has a bin of its own."""
    if low == high:
        return [low, high]
    if integral and high - low < _BINS:
        return [low - 0.5 + step for step in range(int(high - low) + 2)]
    width = high / _BINS - low / _BINS
    return [low, *(min(low + width * step, high) for step in range(1, _BINS)), high]
