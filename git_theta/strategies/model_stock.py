"""Model Stock: from the merge base towards the average, as far as the models' changes agree in direction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from git_theta.strategies.angles import Angles, angles, angles_along
from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, from_array
from git_theta.strategies.options import option
from git_theta.strategies.task_vectors import task_vectors
from git_theta.strategies.vector_sums import times, total

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Denominator below which a quotient isn't reliable.
SINGULAR = 1e-6


@dataclass(frozen=True, slots=True)
class ModelStockOptions:
    """Options of `model-stock`."""

    filter_wise: bool = option(
        False,
        "Whether each row (all elements along the last axis) has its own angle, and so goes its own way "
        "towards the average.",
    )


class ModelStock(Strategy):
    """An estimate of the centre of many fine-tunes, from the angles between a few.

    Jang et al., "Model Stock: all we need is just a few fine-tuned models", ECCV 2024,
    https://arxiv.org/abs/2403.19522.
    """

    name = "model-stock"
    options = ModelStockOptions
    needs_base = True

    def merge(self, case: Case, options: ModelStockOptions) -> LazyArray:
        """The base plus the mean of the changes times a ratio, one for all elements or one for each row."""
        base, deltas = task_vectors(case)
        if len(deltas) < 2:
            return case.models[0]
        mean = total(deltas) / len(deltas)
        if not options.filter_wise:
            return base + times(float(_ratio(angles(deltas))), mean)
        import numpy as np

        arrays = [np.atleast_1d(delta.array()) for delta in deltas]
        # In place: the arrays may be larger than memory, and only their angles were needed.
        arrays[0][...] = _ratio(angles_along(-1, arrays))[..., None]
        return base + from_array(arrays[0].reshape(base.shape), base) * mean


def _ratio(found: Angles) -> NDArray[np.float64] | Any:
    """How far to go from the base to the average: 0 if the changes are orthogonal, 1 if they're parallel."""
    import numpy as np

    count = len(found.norms)
    with np.errstate(all="ignore"):
        cosine = np.mean([found.cosines[i, j] for i, j in combinations(range(count), 2)], axis=0)
        denominator = 1 + (count - 1) * cosine
        return np.where(np.abs(denominator) < SINGULAR, 0.0, count * cosine / denominator)
