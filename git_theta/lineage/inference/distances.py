"""Distances between the models of a group, by samples of parameters that correspond.

The distance of two models is the root mean square of the differences of their elements, each parameter
measured by the deviation of its own elements: about 0.01 after a fine-tune, about 1.4 between strangers.
"""

from __future__ import annotations

import itertools
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

#: Samples of these that are compared of all pairs, and the share of equal ones from which the others are.
_COMPARED_FIRST: Final = 64
_PERHAPS: Final = 0.3

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
        weights: Shape (samples,): the number of elements that each sample stands for.
        parameters: Shape (samples,), int64: the number of the parameter of each sample.
        present: Shape (models, parameters), 0 or 1: whether a model has the parameter, with finite samples.
        elements: Shape (parameters,): the number of elements of each parameter.
        energies: Shape (models, parameters): the sum over a parameter's elements of the squares of their
            steps from its mean; 0 where a model has none.
    """

    values: Matrix
    weights: Matrix
    parameters: NDArray[np.int64]
    present: Matrix
    elements: Matrix
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
        products: The sums of the products of both models' samples, by their weights.
        matrix: The samples.
    """

    distance: Matrix
    relative: Matrix
    covered: Matrix
    shared: Matrix
    equal: Matrix
    products: Matrix
    matrix: SampleMatrix


def measure_distances(models: Sequence[SampledModel]) -> Distances:
    """Measure the distances between models that have parameters of common names and shapes."""
    import numpy as np

    matrix = _sample_matrix(models)
    products = (matrix.values * matrix.weights) @ matrix.values.T
    # The sum over common samples of (a - b)².
    squares = _sums_of_squares(matrix) @ matrix.present.T
    total = squares + squares.T - 2 * products
    common = (matrix.present * matrix.elements) @ matrix.present.T
    own = matrix.present @ matrix.elements
    energies = matrix.energies @ matrix.present.T
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.sqrt(np.maximum(total, 0) / common)
        covered = np.where(own[:, None] > 0, common / own[:, None], 0.0)
        relative = distance / np.sqrt((energies + energies.T) / (2 * common))
    distance[common <= 0] = np.inf
    # Elements that are all the same have no deviation: they're equal, or nothing is known.
    relative = np.where(np.isnan(relative), distance, relative)
    return Distances(distance, relative, covered, _shared(models), _equal(matrix), products, matrix)


def _sums_of_squares(matrix: SampleMatrix) -> Matrix:
    """The sum of each parameter's squares by their weights, shape (models, parameters)."""
    import numpy as np

    found = np.zeros_like(matrix.present)
    starts = np.searchsorted(matrix.parameters, np.arange(len(matrix.elements) + 1))
    for parameter, (start, end) in enumerate(itertools.pairwise(starts)):
        block = matrix.values[:, start:end]
        found[:, parameter] = (block**2) @ matrix.weights[start:end]
    return found


def _sample_matrix(models: Sequence[SampledModel]) -> SampleMatrix:
    import numpy as np

    columns = sorted({key for model in models for key in model.columns})
    samples = min(_MAX_SAMPLES, _MAX_CELLS // len(models))
    most = max(_LEAST_SAMPLES, samples // max(1, len(columns)))
    rows, counts = {}, {}
    for key in columns:
        entries = [model.columns.get(key) for model in models]
        pairs = list(zip(models, entries, strict=True))
        found = [model.samples.get(entry.digest) if entry else None for model, entry in pairs]
        counts[key] = min((*(len(row) for row in found if row is not None), most))
        if any(row is not None for row in found):
            codes = [entry is not None and _is_code(model, entry) for model, entry in pairs]
            rows[key] = found, codes, next(entry.spec.count for entry in entries if entry)
    values = np.zeros((len(models), sum(counts[key] for key in rows)))
    present, energies = np.zeros((2, len(models), len(rows)))
    start = 0
    for at, (key, (found, codes, elements)) in enumerate(rows.items()):
        block = np.full((len(models), counts[key]), np.nan)
        for number, row in enumerate(found):
            if row is not None:
                block[number] = row[: counts[key]]
        _normalise(block, np.array(codes))
        known = np.isfinite(block).all(axis=1)
        block[~known] = 0
        values[:, start : start + counts[key]] = block
        present[:, at] = known
        energies[:, at] = elements * block.var(axis=1)
        start += counts[key]
    lengths = [counts[key] for key in rows]
    sizes = np.array([elements for _, _, elements in rows.values()], np.float64)
    weights = np.repeat(sizes / np.maximum(lengths, 1), lengths)
    return SampleMatrix(values, weights, np.repeat(np.arange(len(rows)), lengths), present, sizes, energies)


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
    values, weights = matrix.values[:, chosen].astype(np.float32), matrix.weights[chosen]
    # Few pairs have many equal samples: a look at some of them rules out the others.
    few = slice(None, None, max(1, len(chosen) // _COMPARED_FIRST))
    first, their_weights = np.ascontiguousarray(values[:, few]), weights[few]
    for one in range(count):
        found[one] = _equal_share(first, one, their_weights)
        many = np.flatnonzero(found[one] >= _PERHAPS)
        many = np.concatenate([[one], many[many != one]])
        found[one, many] = _equal_share(values[many], 0, weights)
    np.fill_diagonal(found, 0)
    return found


def _equal_share(values: NDArray[np.float32], one: int, weights: Matrix) -> Matrix:
    """The share of a row's samples, zeros apart, that are the same in each row, by their weights."""
    shown = (values[one] != 0) * weights
    total = shown.sum()
    found: Matrix = (values == values[one]) @ shown / total if total else 0 * values[:, 0].astype(float)
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
