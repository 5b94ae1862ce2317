"""Statistics of one value: computed block by block in float64, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec
from git_theta.report.elements import element_blocks, magnitudes
from git_theta.report.quantiles import ExactQuantiles, Histogram, Quantiles, QuantileSketch, bin_edges

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Elements that are summed together; the number never varies, so that equal values have equal sums.
_BLOCK = 1 << 19

#: Largest number of elements whose quantiles and histogram are exact.
_EXACT = 1 << 22


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of a value; of complex numbers, the magnitudes are described.

    All but the counts are of the finite elements, and `None` if there aren't any.

    Attributes:
        count: Elements.
        zeros: Elements that are zero.
        nans: Elements that are NaN.
        infinities: Elements that are infinite: positive, negative.
        mean: The mean.
        std: The standard deviation of the population.
        low: The least element.
        high: The greatest element.
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
        pieces: The logical bytes, in order, cut anywhere; each is used before the next is asked for.
        spec: Dtype and shape.

    Raises:
        CorruptError: There are more or fewer bytes than the spec says.
    """
    import numpy as np

    quantiles: Quantiles = ExactQuantiles() if spec.count <= _EXACT else QuantileSketch()
    moments = _Moments()
    zeros = nans = above = below = 0
    for block in element_blocks(pieces, spec, _BLOCK):
        numbers = magnitudes(block, spec)
        zeros += int(np.count_nonzero(numbers == 0))
        finite = np.isfinite(numbers)
        if not finite.all():
            nans += int(np.count_nonzero(np.isnan(numbers)))
            above += int(np.count_nonzero(numbers == np.inf))
            below += int(np.count_nonzero(numbers == -np.inf))
            numbers = numbers[finite]
        if numbers.size:
            moments.add(numbers)
            quantiles.add(numbers)
    return _summary(spec, zeros, nans, (above, below), moments, quantiles)


def _summary(
    spec: TensorSpec,
    zeros: int,
    nans: int,
    infinities: tuple[int, int],
    moments: _Moments,
    quantiles: Quantiles,
) -> Statistics:
    any_finite = moments.count > 0
    integral = spec.dtype == "BOOL" or spec.dtype[0] in "IU"
    edges = bin_edges(moments.low, moments.high, integral) if any_finite else []
    return Statistics(
        count=spec.count,
        zeros=zeros,
        nans=nans,
        infinities=infinities,
        mean=moments.mean if any_finite else None,
        std=math.sqrt(moments.squares / moments.count) if any_finite else None,
        low=moments.low if any_finite else None,
        high=moments.high if any_finite else None,
        l1=moments.l1,
        l2=math.sqrt(moments.l2),
        quantiles=quantiles.quantiles(moments.low, moments.high) if any_finite else {},
        histogram=quantiles.histogram(edges) if any_finite else None,
        exact=isinstance(quantiles, ExactQuantiles) or spec.item_size == 1 or spec.dtype == "BF16",
    )


class _Moments:
    """Count, extremes, and sums that don't lose digits where the mean is far from zero.

    Attributes:
        count: Numbers so far.
        mean: Their mean.
        squares: Sum of the squared deviations from the mean.
        l1: Sum of the absolute values.
        l2: Sum of the squares.
        low: The least number.
        high: The greatest number.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = self.l1 = self.l2 = 0.0
        self.low, self.high = math.inf, -math.inf

    def add(self, numbers: NDArray[np.float64]) -> None:
        """Take a block in: a vector of finite numbers, at least one."""
        import numpy as np

        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(numbers.mean())
            deviations = numbers - mean
            total = self.count + numbers.size
            step = mean - self.mean
            # Two sets of numbers have these deviations together: Chan, Golub and LeVeque (1979).
            self.squares += (
                float(np.dot(deviations, deviations)) + step * step * self.count * numbers.size / total
            )
            self.mean += step * numbers.size / total
            self.l1 += float(np.abs(numbers).sum())
            self.l2 += float(np.dot(numbers, numbers))
        self.count = total
        self.low = min(self.low, float(numbers.min()))
        self.high = max(self.high, float(numbers.max()))
