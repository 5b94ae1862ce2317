"""Quantiles and histograms of numbers that come block by block: of all of them, or from a sketch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Shares of the elements that quantiles are computed for.
SHARES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)

#: A sketch counts numbers by the highest bits of their float64: sign, exponent, 8 bits of mantissa.
_KEY_BITS = 20

_BINS = 20


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often numbers fall between edges; the last bin has its upper edge too.

    Attributes:
        edges: One more than there are bins, ascending.
        counts: Finite elements in each bin; estimates if a sketch was made.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Quantiles(Protocol):
    """Takes blocks of finite numbers in."""

    def add(self, numbers: NDArray[np.float64]) -> None:
        """Take a block in: a vector of float64, at least one number, none of them NaN or infinite."""
        ...

    def quantiles(self, low: float, high: float) -> dict[float, float]:
        """The quantile of each of `SHARES`; all numbers are between `low` and `high`."""
        ...

    def histogram(self, edges: list[float]) -> Histogram:
        """Counts between edges; no number is outside of them."""
        ...


class ExactQuantiles:
    """Keeps all numbers. Quantiles are linear between neighbours."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.float64]] = []

    def add(self, numbers: NDArray[np.float64]) -> None:
        """See `Quantiles.add`."""
        self._blocks.append(numbers)

    def quantiles(self, low: float, high: float) -> dict[float, float]:
        """See `Quantiles.quantiles`."""
        import numpy as np

        # The difference of two neighbours may overflow.
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.quantile(np.concatenate(self._blocks), SHARES)
        return dict(zip(SHARES, found.tolist(), strict=True))

    def histogram(self, edges: list[float]) -> Histogram:
        """See `Quantiles.histogram`."""
        import numpy as np

        counts = np.zeros(len(edges) - 1, np.int64)
        for block in self._blocks:
            counts += np.histogram(block, edges)[0]
        return Histogram(tuple(edges), tuple(counts.tolist()))


class QuantileSketch:
    """Counts numbers by their highest bits, in 8 MiB. Quantiles are the lower neighbours.

    A quantile is within 2**-8 of its own size, and exact for dtypes of so few bits, such as BF16.
    """

    def __init__(self) -> None:
        import numpy as np

        self._counts = np.zeros(1 << _KEY_BITS, np.int64)

    def add(self, numbers: NDArray[np.float64]) -> None:
        """See `Quantiles.add`."""
        import numpy as np

        keys = (numbers.view(np.int64) >> (64 - _KEY_BITS)) & ((1 << _KEY_BITS) - 1)
        self._counts += np.bincount(keys, minlength=len(self._counts))

    def quantiles(self, low: float, high: float) -> dict[float, float]:
        """See `Quantiles.quantiles`."""
        import numpy as np

        values, counts = self._sorted()
        ends = np.cumsum(counts)
        places = np.searchsorted(ends, np.array(SHARES) * (ends[-1] - 1), side="right")
        return dict(zip(SHARES, np.clip(values[places], low, high).tolist(), strict=True))

    def histogram(self, edges: list[float]) -> Histogram:
        """See `Quantiles.histogram`."""
        import numpy as np

        values, weights = self._sorted()
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges, weights=weights)
        return Histogram(tuple(edges), tuple(counts.tolist()))

    def _sorted(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The number nearest to zero of each key in use, ascending, and how many numbers have that key."""
        import numpy as np

        keys = np.flatnonzero(self._counts)
        values = (keys.astype(np.uint64) << np.uint64(64 - _KEY_BITS)).view(np.float64)
        order = np.argsort(values, kind="stable")
        return values[order], self._counts[keys[order]]


def bin_edges(low: float, high: float, integral: bool) -> list[float]:
    """Edges of bins of one width; each of a few integers has a bin of its own.

    Args:
        low: The least number.
        high: The greatest one.
        integral: Whether all numbers are integers.
    """
    if low == high:
        return [low, high]
    if integral and high - low < _BINS:
        return [low - 0.5 + step for step in range(int(high - low) + 2)]
    width = high / _BINS - low / _BINS
    return [low, *(min(low + width * step, high) for step in range(1, _BINS)), high]
