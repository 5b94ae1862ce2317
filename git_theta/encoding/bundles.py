"""Bundles of small values of one dtype: the choice between dense values and steps, and the payloads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from git_theta.model.manifest import Source
from git_theta.model.tensor import TensorSpec
from git_theta.updates.bundle import MAX_BUNDLE
from git_theta.updates.dense import Dense
from git_theta.updates.ordered import mantissa_bits
from git_theta.updates.steps import Steps, steps_between
from git_theta.updates.stretches import is_near_throughout, step_bits

if TYPE_CHECKING:
    from git_theta.updates.base import Words

#: Steps must take at most this share of the dense payload: a smaller gain isn't worth decoding the bases.
_MAX_COST = 0.95

#: Bits that a coded step takes, beyond those of its magnitude.
_MORE_BITS = 2.0


@dataclass(frozen=True, slots=True)
class SmallBase:
    """A stored value of the same dtype and shape as a new one.

    Attributes:
        source: How it's obtained.
        data: Its bytes.
    """

    source: Source
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class UnbundledValue:
    """A small value that is to be stored.

    Attributes:
        key: Digest of the value.
        spec: Dtype and shape.
        data: Logical bytes: C-contiguous, little-endian.
        bases: The values that it may be steps from.
    """

    key: str
    spec: TensorSpec
    data: bytes
    bases: tuple[SmallBase, ...] = ()


@dataclass(frozen=True, slots=True)
class EncodedBundle:
    """A bundle as it's stored.

    Attributes:
        update: Name of the update.
        payload: The payload.
        values: The values in it, in their order.
        inputs: The inputs of each value's source: its base, if the bundle is of steps.
    """

    update: str
    payload: bytes
    values: Sequence[UnbundledValue]
    inputs: Sequence[tuple[Source, ...]]


def encode_bundles(values: Sequence[UnbundledValue]) -> Iterator[EncodedBundle]:
    """The bundles of small values, for each the cheaper way to store it.

    The same values give the same bundles: lost ones come back under their names.

    Args:
        values: At least one value; all have one dtype. Those of equal size should follow each other.
    """
    sample = next(_grouped(values))
    dense_bits = 8 * len(dense_bundle(sample).payload) * _word_size(values) / max(1, sum(map(_size, sample)))
    near = dict(_near_steps(values, _MAX_COST * dense_bits - _MORE_BITS))
    for group in _grouped([value for value in values if value.key not in near]):
        yield dense_bundle(group)
    for group in _grouped([value for value in values if value.key in near]):
        steps = _bundle_of_steps(group, [near[value.key] for value in group])
        dense = dense_bundle(group)
        yield steps if len(steps.payload) <= _MAX_COST * len(dense.payload) else dense


def was_trained(value: UnbundledValue) -> bool:
    """Whether most elements of a value are a little away from those of a base, as after training."""
    import numpy as np

    kind, mantissa = f"<u{value.spec.word_size}", mantissa_bits(value.spec.dtype)
    after = np.frombuffer(value.data, kind)
    for base in value.bases if mantissa is not None else ():
        before = np.frombuffer(base.data, kind)
        bits = step_bits(after, before, value.spec)
        if 2 * np.count_nonzero(bits) > len(bits) and bits.mean() < mantissa:
            return is_near_throughout(after, before, value.spec)
    return False


def dense_bundle(values: Sequence[UnbundledValue]) -> EncodedBundle:
    """Values in a dense bundle: at most `MAX_BUNDLE` bytes of them, all of one dtype."""
    data = b"".join(value.data for value in values)
    spec = TensorSpec(values[0].spec.dtype, (len(data) // values[0].spec.item_size,))
    payload = b"".join(map(bytes, Dense().encode(memoryview(data), spec)))
    return EncodedBundle(Dense.name, payload, values, [()] * len(values))


def steps_bundle(values: Sequence[UnbundledValue]) -> EncodedBundle:
    """Values as steps from the first base of each: at most `MAX_BUNDLE` bytes of them, all of one dtype."""
    return _bundle_of_steps(
        values, [_Steps(value.bases[0].source, _steps([value], [value.bases[0]])[0]) for value in values]
    )


@dataclass(frozen=True, slots=True)
class _Steps:
    """Steps that lead to a value.

    Attributes:
        base: The source of the value that they lead from.
        words: The steps, in order of the base's exponents.
    """

    base: Source
    words: Words


def _bundle_of_steps(values: Sequence[UnbundledValue], steps: Sequence[_Steps]) -> EncodedBundle:
    import numpy as np

    words = np.concatenate([one.words for one in steps])
    payload = Steps().encode_bundle(words, values[0].spec.dtype)
    return EncodedBundle(Steps.name, payload, values, [(one.base,) for one in steps])


def _near_steps(values: Sequence[UnbundledValue], most: float) -> Iterator[tuple[str, _Steps]]:
    """The steps to each value that lies near a base, from the nearest one, by the value's digest.

    Args:
        values: Values of one dtype.
        most: The mean number of bits up to which steps are small enough.
    """
    import numpy as np

    nearest: dict[str, float] = {}
    for _, group in groupby(values, key=_size):
        same_size = list(group)
        for rank in range(max(len(value.bases) for value in same_size)):
            based = [value for value in same_size if len(value.bases) > rank]
            bases = [value.bases[rank] for value in based]
            steps = _steps(based, bases)
            bits = np.log2(steps.astype(np.float64) + 1).mean(axis=1).tolist()
            for value, base, words, mean in zip(based, bases, steps, bits, strict=True):
                if mean < nearest.get(value.key, most):
                    nearest[value.key] = mean
                    yield value.key, _Steps(base.source, words)


def _steps(values: Sequence[UnbundledValue], bases: Sequence[SmallBase]) -> Words:
    """The steps from bases to values of one dtype and size, an array of values by words."""
    import numpy as np

    kind = f"<u{_word_size(values)}"
    after = np.frombuffer(b"".join(value.data for value in values), kind).reshape(len(values), -1)
    before = np.frombuffer(b"".join(base.data for base in bases), kind).reshape(len(values), -1)
    return steps_between(after, before, values[0].spec.dtype)


def _grouped(values: Sequence[UnbundledValue]) -> Iterator[list[UnbundledValue]]:
    """The values in groups that fit into bundles."""
    group: list[UnbundledValue] = []
    size = 0
    for value in values:
        if group and size + _size(value) > MAX_BUNDLE:
            yield group
            group, size = [], 0
        group.append(value)
        size += _size(value)
    if group:
        yield group


def _size(value: UnbundledValue) -> int:
    return value.spec.nbytes


def _word_size(values: Sequence[UnbundledValue]) -> int:
    return values[0].spec.word_size
