"""Distances between the models of a group, by samples of parameters that correspond.

The distance of two models is the root mean square of the differences of their elements, each parameter
measured by the deviation of its own elements: about 0.01 after a fine-tune, about 1.4 between strangers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from git_theta.lineage.inference.sampled_model import SampledModel
from git_theta.model.manifest import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

#: Samples of a model at most, over all its parameters; and those of all models of a group.
_MAX_SAMPLES: Final = 1 << 17
_MAX_CELLS: Final = 1 << 24

#: Samples of a parameter at least, if it has so many.
_LEAST_SAMPLES: Final = 16

#: Samples of each model that are compared for equality.
_COMPARED: Final = 2048

#: Elements that deviate less from their mean, as a share of their size, say nothing.
_FLAT: Final = 1e-6

#: Dtypes of codes: integers that stand for weights under scales of their own.
_CODES: Final = frozenset(("I8", "U8", "I16", "I32"))


@dataclass(frozen=True, eq=False, slots=True)
class SampleMatrix:
    """Samples of several models, a row a model.

    Attributes:
        values: Shape (models, samples): elements in units of their parameter's deviation; 0 where a model has
            none.
        present: The same shape, 0 or 1: whether a model has the sample.
        weights: Shape (samples,): the number of elements that each sample stands for.
        energies: Shape (models, parameters): the sum over a parameter's elements of the squares of their
            steps from its mean; NaN where a model has none.
    """

    values: Matrix
    present: Matrix
    weights: Matrix
    energies: Matrix


@dataclass(frozen=True, eq=False, slots=True)
class Distances:
    """Distances between the models of a group; matrices of shape (models, models).

    Attributes:
        distance: Distances by samples; infinite where nothing corresponds.
        relative: The same, in units of the deviations of both models: strangers are at 1.4, however many of
            their elements are zero.
        covered: The share of the row's elements that the distance is of.
        shared: The share of the row's bytes in values that the column's model has, too, under any name.
        equal: The share of the row's samples, zeros apart, that are the same in the column's model: it's high
            where a model was pruned, or a few of its elements were changed.
        matrix: The samples.
    """

    distance: Matrix
    relative: Matrix
    covered: Matrix
    shared: Matrix
    equal: Matrix
    matrix: SampleMatrix


def measure_distances(models: Sequence[SampledModel]) -> Distances:
    """Measure the distances between models that have parameters of common names and shapes."""
    import numpy as np

    matrix = _sample_matrix(models)
    weighted = matrix.values * matrix.weights
    squares = (weighted * matrix.values) @ matrix.present.T
    # The sum over common samples of (a - b)².
    total = squares + squares.T - 2 * (weighted @ matrix.values.T)
    elements = matrix.present * matrix.weights
    common, own = elements @ matrix.present.T, elements.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.sqrt(np.maximum(total, 0) / common)
        covered = np.where(own[:, None] > 0, common / own[:, None], 0.0)
    distance[common <= 0] = np.inf
    relative = _relative(distance, matrix, common)
    return Distances(distance, relative, covered, _shared(models), _equal(matrix), matrix)


def _relative(distance: Matrix, matrix: SampleMatrix, common: Matrix) -> Matrix:
    """Distances in units of the root mean square of the deviations of both models' common elements."""
    import numpy as np

    known = np.isfinite(matrix.energies)
    energies = np.where(known, matrix.energies, 0.0) @ known.T.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Matrix = distance / np.sqrt((energies + energies.T) / (2 * common))
    # Elements that are all the same have no deviation: they're equal, or nothing is known.
    return np.where(np.isnan(found), distance, found)


def _sample_matrix(models: Sequence[SampledModel]) -> SampleMatrix:
    import numpy as np

    columns = sorted({key for model in models for key in model.columns})
    samples = min(_MAX_SAMPLES, _MAX_CELLS // len(models))
    most = max(_LEAST_SAMPLES, samples // max(1, len(columns)))
    values, present, weights, energies = [], [], [], []
    for key in columns:
        entries = [model.columns.get(key) for model in models]
        rows = [
            model.samples.get(entry.digest) if entry else None
            for model, entry in zip(models, entries, strict=True)
        ]
        length = min((*(len(row) for row in rows if row is not None), most))
        block = np.full((len(models), length), np.nan)
        for at, row in enumerate(rows):
            if row is not None:
                block[at] = row[:length]
        pairs = zip(models, entries, strict=True)
        codes = np.array([entry is not None and _is_code(model, entry) for model, entry in pairs])
        _normalise(block, codes)
        known = np.isfinite(block)
        if known.any():
            elements = next(entry.spec.count for entry in entries if entry)
            values.append(np.where(known, block, 0.0))
            present.append(known.astype(np.float64))
            weights.append(np.full(length, elements / length))
            energies.append(elements * _variances(block))
    if not values:
        empty = np.zeros((len(models), 0))
        return SampleMatrix(empty, empty, np.zeros(0), empty)
    return SampleMatrix(
        np.concatenate(values, axis=1),
        np.concatenate(present, axis=1),
        np.concatenate(weights),
        np.stack(energies, axis=1),
    )


def _variances(block: Matrix) -> Matrix:
    """The variance of each row's finite elements; NaN if it has none."""
    import numpy as np

    known = np.isfinite(block)
    counts = known.sum(axis=1)
    filled = np.where(known, block, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = filled.sum(axis=1) / counts
        found: Matrix = np.maximum((filled**2).sum(axis=1) / counts - means**2, 0)
    return found


def _is_code(model: SampledModel, entry: Entry) -> bool:
    return entry.spec.dtype in _CODES and entry.digest not in model.decoded


def _normalise(block: Matrix, codes: NDArray[np.bool_]) -> None:
    """Measure a parameter's samples by their deviation, in place; what says nothing becomes NaN.

    Codes have a scale and a mean of their own in each model. Other models have a common scale, so that scaled
    parameters aren't equal; where there are codes to compare with, each has a mean of its own.
    """
    import numpy as np

    known = np.isfinite(block)
    block[~known] = np.nan
    counts = np.maximum(known.sum(axis=1), 1)
    means = np.where(known, block, 0).sum(axis=1) / counts
    squares = np.where(known, block, 0) ** 2
    sizes = np.sqrt(squares.sum(axis=1) / counts)
    steps = np.where(known, block - means[:, None], 0)
    deviations = np.sqrt((steps**2).sum(axis=1) / counts)
    usable = deviations > _FLAT * sizes
    plain = deviations[usable & ~codes]
    if (codes & usable).any():
        block -= means[:, None]
    scale = float(np.median(plain)) if len(plain) else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        block /= np.where(codes & usable, deviations, scale)[:, None]


def _equal(matrix: SampleMatrix) -> Matrix:
    """The share of samples that are equal, for each pair of models."""
    import numpy as np

    count, samples = matrix.values.shape
    found = np.zeros((count, count))
    if not samples:
        return found
    chosen = np.unique(np.linspace(0, samples - 1, min(samples, _COMPARED)).astype(int))
    values, weights = matrix.values[:, chosen], matrix.weights[chosen]
    for one in range(count):
        shown = (values[one] != 0) * weights
        total = shown.sum()
        if total:
            found[one] = (values == values[one]) @ shown / total
    np.fill_diagonal(found, 0)
    return found


def _shared(models: Sequence[SampledModel]) -> Matrix:
    """The share of each model's bytes in values that another one has, too."""
    import numpy as np

    owners: dict[str, list[int]] = {}
    for at, model in enumerate(models):
        for digest in model.digests:
            owners.setdefault(digest, []).append(at)
    found = np.zeros((len(models), len(models)))
    for at, model in enumerate(models):
        for digest, nbytes in model.digests.items():
            others = owners[digest]
            if len(others) > 1:
                found[at, others] += nbytes
    totals = np.array([max(1, sum(model.digests.values())) for model in models])
    shares: Matrix = found / totals[:, None]
    return shares
