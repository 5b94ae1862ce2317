"""Samples of a value and its base, from which the costs of updates are estimated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from git_theta.codecs.frames import CHUNK
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Sample

#: Number of places of a large value that samples are taken from.
_PLACES = 5


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples from all over a value, and the share of the value that they stand for.

    Attributes:
        samples: Chunks that differ from the base, in order; none if the values are equal.
        share: The share of the value's chunks that differ.
    """

    samples: tuple[Sample, ...]
    share: float


def first_difference(value: memoryview, spec: TensorSpec, base: Base) -> Sample | None:
    """The first chunk of a value that differs from its base; `None` if the values are equal.

    Args:
        value: Logical bytes.
        spec: Dtype and shape of the value.
        base: A value of the same size.
    """
    return next((_kept(sample) for sample in _chunks(value, spec, base) if sample), None)


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


def _chunks(value: memoryview, spec: TensorSpec, base: Base) -> Iterator[Sample | None]:
    """Each chunk of a value as a sample, valid until the next is asked for; `None` for an equal one."""
    import numpy as np

    word = f"<u{spec.word_size}"
    start = 0
    for chunk in base.chunks(CHUNK):
        before = np.frombuffer(chunk, word)
        after = np.frombuffer(value[start : start + len(chunk)], word)
        if np.array_equal(before, after):
            yield None
        else:
            yield Sample(spec, after, before, start // spec.word_size, len(chunk) == len(value))
        start += len(chunk)


def _kept(sample: Sample) -> Sample:
    return replace(sample, base=sample.base.copy())
