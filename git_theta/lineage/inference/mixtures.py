"""Merges: models that are weighted sums of others, found by least squares over samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from git_theta.lineage.inference.distances import Distances

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

#: The nearest models that are tried as parents.
_TRIED: Final = 32

#: What is left of the squared distance from the nearest parent, at most.
_LEFT: Final = 0.05

#: Several sums are about as good as the best one if so many times as much is left; or this share at most.
_AS_GOOD: Final = 4.0
_EXACT: Final = 1e-4

#: The smallest weight of a parent; and the largest one: a parent is a sum of the merge and the others, too,
#: with larger weights.
_SMALLEST: Final = 0.05
_LARGEST: Final = 1.02

#: The difference between weights that are the same.
_SAME: Final = 0.01

#: The share of a merge's elements that its parents have, at least.
_COVERED: Final = 0.8

#: The parents of a sum at most that isn't exact: of many models, any other one is nearly a sum.
_FEW: Final = 8

#: Samples that are looked at, at least and at most.
_FEWEST: Final = 64
_MOST: Final = 1 << 13


@dataclass(frozen=True, slots=True)
class Mixture:
    """A model that is a weighted sum of others.

    Attributes:
        child: Index of the model.
        weights: Index of a parent → its weight, 1 in all; negative for what was subtracted.
        left: The share of the squared distance from the nearest parent that the sum doesn't explain.
    """

    child: int
    weights: dict[int, float]
    left: float

    @property
    def is_mean(self) -> bool:
        """Whether all weights are the same."""
        return max(self.weights.values()) - min(self.weights.values()) <= _SAME

    @property
    def is_exact(self) -> bool:
        """Whether the sum explains all but rounding."""
        return self.left <= _EXACT


def find_pair(distances: Distances, child: int, others: Sequence[int]) -> Mixture | None:
    """The two models that a model lies between; `None` if there are none.

    Of several pairs, as merges of the same two lie between these, too, those farthest from each other count.

    Args:
        distances: The distances of the group.
        child: Index of the model.
        others: Indices of models that it may be made from.
    """
    import numpy as np

    near, products = _products(distances, child, others)
    if len(near) < 2:
        return None
    squares = np.diag(products)
    apart = squares[:, None] + squares[None, :] - 2 * products
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = (squares[None, :] - products) / apart
        left = (squares[:, None] * squares[None, :] - products**2) / apart
        left /= np.minimum(squares[:, None], squares[None, :])
    fits = (weights >= _SMALLEST) & (weights <= 1 - _SMALLEST) & (left <= _LEFT) & np.isfinite(left)
    fits &= np.triu(np.ones_like(fits), 1)
    if not fits.any():
        return None
    best = max(float(np.maximum(left[fits], 0).min()) * _AS_GOOD, _EXACT)
    fits &= left <= best
    one, other = np.unravel_index(np.argmax(np.where(fits, apart, -1.0)), apart.shape)
    weight = float(weights[one, other])
    found = {near[int(one)]: weight, near[int(other)]: 1 - weight}
    return Mixture(child, found, max(0.0, float(left[one, other])))


def find_sum(distances: Distances, child: int, others: Sequence[int]) -> Mixture | None:
    """The weighted sum of three or more models that a model nearly is; `None` if there's none.

    Args:
        distances: The distances of the group.
        child: Index of the model.
        others: Indices of models that it may be made from.
    """
    import numpy as np

    near, products = _products(distances, child, others)
    chosen = list(range(len(near)))
    weights = np.zeros(0)
    while len(chosen) > 2:
        weights = _solve(products[np.ix_(chosen, chosen)])
        weak = {at for at, weight in zip(chosen, weights, strict=True) if abs(weight) < _SMALLEST}
        if not weak:
            break
        chosen = [at for at in chosen if at not in weak]
    if len(chosen) < 3 or weights.max() > _LARGEST or np.count_nonzero(weights > 0) < 2:
        return None
    left = float(weights @ products[np.ix_(chosen, chosen)] @ weights)
    left /= float(np.diag(products)[chosen].min())
    if left > _LEFT or (left > _EXACT and len(chosen) > _FEW):
        return None
    return Mixture(child, {near[at]: float(w) for at, w in zip(chosen, weights, strict=True)}, max(0.0, left))


def _products(distances: Distances, child: int, others: Sequence[int]) -> tuple[list[int], Matrix]:
    """The models nearest to one, and the products of the steps from it to them, over common samples."""
    import numpy as np

    apart = [
        at
        for at in others
        if 0 < distances.distance[child, at] < np.inf and distances.covered[child, at] >= _COVERED
    ]
    near = sorted(apart, key=lambda at: (distances.distance[child, at], at))[:_TRIED]
    if not near:
        return [], np.zeros((0, 0))
    matrix, chosen = distances.matrix, [child, *near]
    present = matrix.present[chosen] > 0
    if (present == present[:1]).all():
        # Steps from the child, by the products of the models themselves: quick, as these are known.
        known = distances.products[np.ix_(chosen, chosen)]
        steps: Matrix = known[1:, 1:] - known[1:, :1] - known[:1, 1:] + known[0, 0]
        return near, steps
    of_all: NDArray[np.bool_] = np.logical_and.reduce(present)
    usable = np.flatnonzero(of_all[matrix.parameters])
    if len(usable) < _FEWEST:
        return [], np.zeros((0, 0))
    usable = usable[:: max(1, len(usable) // _MOST)]
    apart_by = matrix.values[np.ix_(np.array(near), usable)] - matrix.values[child, usable]
    products: Matrix = (apart_by * matrix.weights[usable]) @ apart_by.T
    return near, products


def _solve(products: Matrix) -> Matrix:
    """The weights, 1 in all, by which steps add up to the least."""
    import numpy as np

    # Steps from the first model instead of from the child.
    first = products[:1, 1:]
    inner = products[1:, 1:] - first - first.T + products[0, 0]
    found, *_ = np.linalg.lstsq(inner, products[0, 0] - first[0], rcond=1e-12)
    weights: Matrix = np.concatenate([[1 - found.sum()], found])
    return weights
