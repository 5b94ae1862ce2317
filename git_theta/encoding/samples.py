"""Samples of a value and its base, from which the costs of updates are estimated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

from git_theta.codecs.frames import CHUNK
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Sample
from git_theta.updates.stretches import is_near_throughout, may_be_near, step_bits

#: Number of places of a large value that samples are taken from.
_PLACES = 5

#: Of so many chunks of a value, one is looked at to tell whether all of it is near its base.
_INTERVAL = 8

#: Number of places of a large value that are looked at before all of it is compared with its base: a part
#: that is worth storing by itself has one of them.
_GLIMPSES = 16


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples from all over a value, and the share of the value that they stand for.

    Attributes:
        samples: Chunks that differ from the base, in order; none if the values are equal.
        share: The share of the value's chunks that differ.
    """

    samples: tuple[Sample, ...]
    share: float


@dataclass(frozen=True, eq=False)
class BaseComparison:
    """A value beside a base with as many elements; reading it raises the errors of the base.

    Attributes:
        value: Logical bytes.
        spec: Dtype and shape of the value.
        base: The base.
        distant: Whether elements all over the value have nothing in common with those of the base.
    """

    value: memoryview
    spec: TensorSpec
    base: Base
    distant: bool = False

    @cached_property
    def first(self) -> Sample | None:
        """The first chunk that differs; `None` if the values are equal."""
        return first_difference(self.value, self.spec, self.base)

    @property
    def decoded_base(self) -> Base:
        """The base, from memory where the first chunk is all of it."""
        sample = self.first
        if sample is None or not sample.whole:
            return self.base
        return Base(self.base.spec, lambda _nbytes: iter((sample.base.data.cast("B"),)))

    @cached_property
    def bits(self) -> float:
        """The mean number of bits of the steps from the base, by the first chunk that differs."""
        sample = self.first
        return float(step_bits(sample.value, sample.base, self.spec).mean()) if sample else 0.0

    def is_near_throughout(self) -> bool:
        """Whether a value is near its base everywhere, as after training: then nothing in it has moved."""
        samples = chain([self.first], self._at_intervals())
        return all(is_near_throughout(each.value, each.base, self.spec) for each in samples if each)

    def _at_intervals(self) -> Iterator[Sample | None]:
        """Chunks at regular places of a value of several ones; `None` for one that is equal to its base's."""
        count = -(-len(self.value) // CHUNK)
        places = range(min(_INTERVAL, count) // 2, count, _INTERVAL) if count > 1 else ()
        for place, piece in zip(places, self.base.glimpses(CHUNK, places), strict=True):
            yield _sample(self.value, self.spec, piece, place * CHUNK)

    @cached_property
    def all_over(self) -> Samples:
        """Samples from all over the value; from few places, if it has nothing in common with its base."""
        if self.first and (self.first.whole or self.distant):
            return Samples((self.first,), 1.0)
        return _glimpses(self.value, self.spec, self.base) or self.throughout

    @cached_property
    def throughout(self) -> Samples:
        """Samples from all over the value, which is compared with its base throughout."""
        if self.first and self.first.whole:
            return Samples((self.first,), 1.0)
        return samples_all_over(self.value, self.spec, self.base)


def first_difference(value: memoryview, spec: TensorSpec, base: Base) -> Sample | None:
    """The first chunk of a value that differs from its base; `None` if the values are equal.

    Args:
        value: Logical bytes.
        spec: Dtype and shape of the value.
        base: A value of the same size.
    """
    chunks = _chunks(value, spec, base)
    sample = next((_kept(sample) for sample in chunks if sample), None)
    if sample and sample.whole:
        # A value is verified at its end, and this one may be encoded on what was read.
        list(chunks)
    return sample


def samples_all_over(value: memoryview, spec: TensorSpec, base: Base) -> Samples:
    """Chunks that differ, about evenly spread over the value, which is compared with its base throughout.

    Args:
        value: Logical bytes.
        spec: Dtype and shape of the value.
        base: A value of the same size.
    """
    count = -(-len(value) // CHUNK)
    taken: list[Sample] = []
    differing = 0
    for place, sample in enumerate(_chunks(value, spec, base)):
        if sample is None:
            continue
        differing += 1
        if len(taken) * count <= place * _PLACES:
            taken.append(_kept(sample))
    return Samples(tuple(taken), differing / max(1, count))


def _glimpses(value: memoryview, spec: TensorSpec, base: Base) -> Samples | None:
    """Chunks about evenly spread over a value; `None` if one is equal to its base, or may be near."""
    count = -(-len(value) // CHUNK)
    places = sorted({at * count // _GLIMPSES for at in range(_GLIMPSES)})
    taken: list[Sample] = []
    for number, (place, chunk) in enumerate(zip(places, base.glimpses(CHUNK, places), strict=True)):
        sample = _sample(value, spec, chunk, place * CHUNK)
        if sample is None or may_be_near(sample.value, sample.base, spec):
            return None
        if len(taken) * len(places) <= number * _PLACES:
            taken.append(sample)
    return Samples(tuple(taken), 1.0)


def _chunks(value: memoryview, spec: TensorSpec, base: Base) -> Iterator[Sample | None]:
    """Each chunk of a value as a sample, valid until the next is asked for; `None` for an equal one."""
    start = 0
    for chunk in base.chunks(CHUNK):
        yield _sample(value, spec, chunk, start)
        start += len(chunk)


def _sample(value: memoryview, spec: TensorSpec, base: bytes | memoryview, start: int) -> Sample | None:
    """The stretch of a value at `start` bytes beside that of its base; `None` if they're equal."""
    import numpy as np

    word = f"<u{spec.word_size}"
    before = np.frombuffer(base, word)
    after = np.frombuffer(value[start : start + len(base)], word)
    if np.array_equal(before, after):
        return None
    return Sample(spec, after, before, start // spec.word_size, len(base) == len(value))


def _kept(sample: Sample) -> Sample:
    return replace(sample, base=sample.base.copy())
