"""Distances between old and new values: sums over all elements, in float64, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from git_theta.diff import Pair
from git_theta.errors import ThetaError
from git_theta.model.tensor import TensorSpec
from git_theta.report.elements import as_float64, paired_blocks
from git_theta.report.quantized_values import WeightValue
from git_theta.report.side import ValueReader
from git_theta.runtime.threads import run_all

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Distance:
    """Sums over the elements of one or more changed parameters; they can be added.

    Elements that aren't finite, before or after, are counted and in no sum. A complex number counts as a
    vector of two.

    Attributes:
        count: Elements.
        changed: Elements that differ.
        squares: Sum of the squares of differences.
        old_squares: Sum of the squares of old values.
        new_squares: Sum of the squares of new values.
        products: Sum of the products of old and new values.
        largest: The largest absolute difference.
        broken: Elements that are NaN or infinite now and weren't.
    """

    count: int = 0
    changed: int = 0
    squares: float = 0.0
    old_squares: float = 0.0
    new_squares: float = 0.0
    products: float = 0.0
    largest: float = 0.0
    broken: int = 0

    def __add__(self, other: Distance) -> Distance:
        return Distance(
            self.count + other.count,
            self.changed + other.changed,
            self.squares + other.squares,
            self.old_squares + other.old_squares,
            self.new_squares + other.new_squares,
            self.products + other.products,
            max(self.largest, other.largest),
            self.broken + other.broken,
        )

    @property
    def norm(self) -> float:
        """The Euclidean norm of the difference."""
        return math.sqrt(self.squares)

    @property
    def relative(self) -> float | None:
        """The norm as a share of the old value's norm; `None` if that is zero or beyond float64."""
        if not self.old_squares or not math.isfinite(self.squares + self.old_squares):
            return None
        return math.sqrt(self.squares) / math.sqrt(self.old_squares)

    @property
    def cosine(self) -> float | None:
        """The cosine of the angle between old and new value; `None` if one is zero or beyond float64."""
        if not self.old_squares or not self.new_squares or not math.isfinite(self.products):
            return None
        if not self.squares:
            return 1.0
        cosine = self.products / math.sqrt(self.old_squares) / math.sqrt(self.new_squares)
        return max(-1.0, min(1.0, cosine))

    @property
    def share(self) -> float:
        """The share of elements that differ."""
        return self.changed / self.count if self.count else 0.0


def measure(
    pairs: tuple[Pair, ...],
    old: ValueReader,
    new: ValueReader,
    threads: int,
    quantized: Mapping[str, tuple[WeightValue, WeightValue]] = MappingProxyType({}),
) -> dict[str, Distance | str]:
    """Statistics of changed parameters by name, or the reason why there are none.

    Args:
        pairs: Old and new entries.
        old: Reads the old values.
        new: Reads the new values.
        threads: How many parameters to read at once.
        quantized: Name of codes of a quantised weight → both versions of the weight, to be compared instead.
    """

    def one(pair: Pair) -> Distance | str:
        before, after = pair
        if after.name in quantized:
            return _of_weights(*quantized[after.name])
        if before.spec.shape != after.spec.shape:
            return "another shape"
        try:
            return _measured(pair, old, new)
        except ThetaError as error:
            return str(error)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = run_all(pool, one, pairs)
    return {new_entry.name: result for (_, new_entry), result in zip(pairs, found, strict=True)}


def _of_weights(old: WeightValue, new: WeightValue) -> Distance | str:
    if old.shape != new.shape and old.shape and new.shape:
        return "another shape"
    total = Distance()
    try:
        for before, after in zip(old.blocks(), new.blocks(), strict=True):
            total += _of_block(before, after, None)
    except ThetaError as error:
        return str(error)
    return total


def _measured(pair: Pair, old: ValueReader, new: ValueReader) -> Distance:
    before, after = (entry.spec for entry in pair)
    total = Distance()
    for one, other in paired_blocks(pair, old, new):
        total += _of_block(
            as_float64(one, before), as_float64(other, after), _same(one, other, before, after)
        )
    return total


def _same(
    before: memoryview, after: memoryview, old: TensorSpec, new: TensorSpec
) -> NDArray[np.bool_] | None:
    """Which elements have the same bytes; `None` where numbers are compared: two dtypes, or packed."""
    import numpy as np

    if old.dtype != new.dtype or old.is_packed:
        return None
    one, other = (
        np.frombuffer(data, f"u{old.word_size}").reshape(-1, old.item_size // old.word_size)
        for data in (before, after)
    )
    same: NDArray[np.bool_] = (one == other).all(axis=1)
    return same


def _of_block(old: NDArray[np.float64], new: NDArray[np.float64], same: NDArray[np.bool_] | None) -> Distance:
    """Sums of a block of shape (elements, 1), or (elements, 2) for complex dtypes."""
    import numpy as np

    count = len(old)
    if same is None:
        # Two NaNs are no change of the value, even if they're of different dtypes.
        same = np.all((old == new) | (np.isnan(old) & np.isnan(new)), axis=1)
    changed = count - int(np.count_nonzero(same))
    old_finite, new_finite = np.isfinite(old).all(axis=1), np.isfinite(new).all(axis=1)
    broken = int(np.count_nonzero(old_finite & ~new_finite))
    finite = old_finite & new_finite
    if not finite.all():
        old, new = old[finite], new[finite]
    # Squares of very large numbers overflow to infinity.
    with np.errstate(over="ignore", invalid="ignore"):
        step = new - old
        sizes = np.hypot(step[:, 0], step[:, 1]) if step.shape[1] == 2 else np.abs(step)
        return Distance(
            count,
            changed,
            float(np.einsum("ij,ij->", step, step)),
            float(np.einsum("ij,ij->", old, old)),
            float(np.einsum("ij,ij->", new, new)),
            float(np.einsum("ij,ij->", old, new)),
            float(sizes.max(initial=0.0)),
            broken,
        )
