"""Mixtures: bases that are weighted sums of stored values, such as averages of models, or task arithmetic.

The weights are found by least squares over a sample, and then taken for the simple numbers next to them, if
those give more elements exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.encoding.candidates import BaseCandidate
from git_theta.encoding.choice import EncodingChoice, known_payload
from git_theta.encoding.sums import WeightedSum, rounded_once, rounded_stepwise
from git_theta.errors import CorruptError, MissingObjectError, PluginError
from git_theta.model.places import spread_places
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Input, Pieces, UnsuitableError
from git_theta.updates.program import Program
from git_theta.updates.program_machine import evaluate
from git_theta.updates.recipe import Recipe
from git_theta.updates.rounding import ARITHMETIC, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

#: The most values in a sum, and elements of each that weights are computed from.
_MOST, _SAMPLE = 6, 1 << 15

#: A sum must be nearer to the value than the nearest part: by the square of the distance or, where most of
#: that is rounding, by the number of elements that differ.
_NEARER, _FEWER = 0.1, 0.6

#: The same for weights by least squares. In these dtypes, rounding draws them to where the parts agree.
_PROMISING, _ROUGH = 0.85, ("BF16", "F16")

#: Weights below this are taken for none.
_NOTHING = 1e-3

#: Decimals, steps and the largest denominator of weights that people choose.
_DECIMALS, _STEPS, _DENOMINATOR = (1, 2, 3, 4), (0.1, 0.05, 0.01), 12

#: Where a sum that is rounded once gives all but this share of the elements, others aren't tried; and the
#: number of weights with which they are.
_ONCE, _STEPWISE = 0.005, 3

#: Elements of the sample by which weights are compared, and the most moves from ones to better ones.
_FEW, _MOST_MOVES = 1 << 12, 12


def mixtures(
    value: memoryview, spec: TensorSpec, candidates: Iterable[BaseCandidate]
) -> Iterator[BaseCandidate]:
    """The weighted sum of stored values that a value is, nearly: a base whose source is a recipe.

    Args:
        value: Logical bytes.
        spec: Dtype and shape.
        candidates: Stored values; those of other dtypes and numbers of elements don't count.
    """
    import numpy as np

    alike = [each for each in candidates if each.base.spec.is_reshaped(spec)][:_MOST]
    if len(alike) < 2 or spec.dtype not in ARITHMETIC:
        return
    try:
        heads = [_head(each.base) for each in alike]
    except (CorruptError, MissingObjectError, PluginError):
        return
    own = np.frombuffer(value[:CHUNK], f"<u{spec.word_size}")
    # Elements from all over the chunk; the same ones of each value.
    picked = spread_places(len(own), _SAMPLE)
    wanted = widen(own[picked], spec.dtype)
    parts = np.stack([widen(head[picked], spec.dtype) for head in heads])
    if not (np.isfinite(wanted).all() and np.isfinite(parts).all()):
        return
    distances = ((parts - wanted) ** 2).sum(axis=1)
    nearest = int(np.argmin(distances))
    weights = _weights(wanted, parts, nearest)
    few = slice(None, None, max(1, len(picked) // _FEW))

    def wrong(each: tuple[float, ...]) -> float:
        return _wrong(own[picked[few]], parts[:, few], each, spec.dtype)

    others = float((heads[nearest][picked[few]] != own[picked[few]]).mean())

    def is_nearer(each: tuple[float, ...], fewer: float) -> bool:
        left = float(((np.array(each) @ parts - wanted) ** 2).sum())
        return left <= _NEARER * distances[nearest] or wrong(each) <= fewer * others

    if not is_nearer(weights, _PROMISING):
        return
    steps = _STEPS if spec.dtype in _ROUGH else ()
    ranked = sorted(dict.fromkeys(_simplified(weights, wrong, steps)), key=wrong)
    sums = [rounded_once(ranked[0])]
    if spec.dtype in _ROUGH and wrong(ranked[0]) > _ONCE:
        sums += [each for near in ranked[:_STEPWISE] for each in rounded_stepwise(near, spec.dtype)]

    def share_wrong(each: WeightedSum) -> float:
        return _given_otherwise(each, own[picked[few]], parts[:, few], spec.dtype)

    best = min(sums, key=share_wrong)
    if len(best.places) > 1 and (is_nearer(best.weights, _FEWER) or share_wrong(best) <= _FEWER * others):
        yield _mixture(spec, [alike[place] for place in best.places], best.program)


def _head(base: Base) -> NDArray[np.unsignedinteger]:
    """The words of the first MiB."""
    import numpy as np

    chunk = next(base.chunks(CHUNK), memoryview(b""))
    return np.frombuffer(bytes(chunk), f"<u{base.spec.word_size}")


def _weights(wanted: Numbers, parts: Numbers, nearest: int) -> tuple[float, ...]:
    """The weights of parts whose sum comes the nearest to some numbers.

    Args:
        wanted: The numbers.
        parts: As many numbers of each part; shape (parts, numbers).
        nearest: Index of the nearest part.
    """
    import numpy as np

    # Weights mostly add up to one. With that, values that hardly differ from each other can be told apart.
    moves = np.delete(parts, nearest, axis=0) - parts[nearest]
    found, *_ = np.linalg.lstsq(moves.T, wanted - parts[nearest], rcond=None)
    affine = np.insert(found, nearest, 1 - found.sum())
    free, *_ = np.linalg.lstsq(parts.T, wanted, rcond=None)
    left = [float(((weights @ parts - wanted) ** 2).sum()) for weights in (affine, free)]
    # More freedom always comes a little nearer.
    best = free if 2 * left[1] < left[0] else affine
    return tuple(0.0 if abs(weight) < _NOTHING else float(weight) for weight in best)


def _simplified(
    weights: tuple[float, ...], wrong: Callable[[tuple[float, ...]], float], steps: Sequence[float]
) -> Iterator[tuple[float, ...]]:
    """Simple numbers next to the weights, and these as they are.

    Args:
        weights: The weights by least squares.
        wrong: The share of elements that weights don't give.
        steps: Multiples of these are searched further around.
    """
    from fractions import Fraction

    import numpy as np

    for digits in _DECIMALS:
        yield tuple(round(weight, digits) for weight in weights)
    for step in steps:
        yield _descended(weights, step, wrong)
    if steps:
        equal = [weight > 0.5 / len(weights) for weight in weights]
        yield tuple(each / max(1, sum(equal)) for each in equal)
    yield tuple(float(Fraction(weight).limit_denominator(_DENOMINATOR)) for weight in weights)
    # A library may round the weights to the dtype that it computes in.
    yield tuple(widen(round_to(np.array(weights), "BF16"), "BF16").tolist())
    yield weights


def _descended(
    weights: tuple[float, ...], step: float, wrong: Callable[[tuple[float, ...]], float]
) -> tuple[float, ...]:
    """Multiples of a step that give more elements than all next to them, reached by going to better ones."""
    counts = tuple(round(weight / step) for weight in weights)
    best = wrong(_multiples(counts, step))
    for _ in range(_MOST_MOVES):
        share, next_counts = min((wrong(_multiples(each, step)), each) for each in _neighbours(counts))
        if share >= best:
            break
        best, counts = share, next_counts
    return _multiples(counts, step)


def _multiples(counts: tuple[int, ...], step: float) -> tuple[float, ...]:
    return tuple(round(count * step, 6) for count in counts)


def _neighbours(counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """One count more by one, another one less, or either alone."""
    for up in (*range(len(counts)), -1):
        for down in (*range(len(counts)), -1):
            if up != down:
                yield tuple(count + (at == up) - (at == down) for at, count in enumerate(counts))


def _wrong(words: NDArray[np.unsignedinteger], parts: Numbers, weights: Sequence[float], dtype: str) -> float:
    """The share of words that a weighted sum doesn't give."""
    import numpy as np

    total = np.zeros(parts.shape[1])
    for weight, part in zip(weights, parts, strict=True):
        total += weight * part
    return float((round_to(total, dtype) != words).mean())


def _given_otherwise(
    chosen: WeightedSum, words: NDArray[np.unsignedinteger], parts: Numbers, dtype: str
) -> float:
    """The share of words that a sum doesn't give."""
    count = parts.shape[1]
    (numbers,) = evaluate(chosen.program, [iter((parts[place],)) for place in chosen.places], count, count)
    return float((round_to(numbers, dtype) != words).mean())


def _mixture(spec: TensorSpec, candidates: Sequence[BaseCandidate], program: Program) -> BaseCandidate:
    payload = Recipe().encode_with(program, spec.dtype)
    inputs = [candidate.base.read for candidate in candidates]
    choice = EncodingChoice(
        Recipe.name, partial(known_payload, payload), tuple(each.source for each in candidates)
    )
    base = Base(spec, partial(_finite, memoryview(payload), inputs, spec.dtype))
    return BaseCandidate(base, choice, any(each.at_limit for each in candidates))


def _finite(payload: memoryview, inputs: Sequence[Input], dtype: str, nbytes: int) -> Pieces:
    """The value of a recipe.

    Raises:
        UnsuitableError: An element is NaN, whose bits differ between machines.
    """
    import numpy as np

    for piece in Recipe().decode(payload, inputs, nbytes):
        words = np.frombuffer(piece, f"<u{TensorSpec(dtype, ()).word_size}")
        if np.isnan(widen(words, dtype)).any():
            raise UnsuitableError
        yield piece
