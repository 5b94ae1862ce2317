"""Samples from places all over a value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from git_theta.codecs.frames import CHUNK
from git_theta.encoding.samples import BaseComparison, first_difference, samples_all_over
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base
from tests.helpers.weights import base_of, joined, trained, tuned

SPEC = TensorSpec("F32", (20 * CHUNK // 4,))


def changed(*chunks: int) -> bytes:
    """Zeros, but for one byte in each of some chunks."""
    value = bytearray(SPEC.nbytes)
    for chunk in chunks:
        value[chunk * CHUNK + 4] = 1
    return bytes(value)


def test_equal_values_have_no_sample() -> None:
    value = memoryview(changed())
    assert first_difference(value, SPEC, base_of(changed(), SPEC)) is None
    assert samples_all_over(value, SPEC, base_of(changed(), SPEC)).share == 0


def test_the_first_difference_may_be_the_last_chunk() -> None:
    sample = first_difference(memoryview(changed(19)), SPEC, base_of(changed(), SPEC))
    assert sample
    assert (sample.start, len(sample.value), sample.whole) == (19 * CHUNK // 4, CHUNK // 4, False)
    small = TensorSpec("F32", (100,))
    whole = first_difference(memoryview(b"\1" * 400), small, base_of(bytes(400), small))
    assert whole
    assert whole.whole


def test_places_are_spread_and_the_share_is_exact() -> None:
    everywhere = samples_all_over(memoryview(changed(*range(20))), SPEC, base_of(changed(), SPEC))
    assert [sample.start * 4 // CHUNK for sample in everywhere.samples] == [0, 4, 8, 12, 16]
    assert everywhere.share == 1
    some = samples_all_over(memoryview(changed(3, 4, 5, 17, 18)), SPEC, base_of(changed(), SPEC))
    assert [sample.start * 4 // CHUNK for sample in some.samples] == [3, 4, 17, 18]
    assert some.share == 0.25
    for sample in some.samples:
        assert (sample.value != sample.base).sum() == 1


WEIGHTS = TensorSpec("F32", (20, CHUNK // 4))


class Glimpsed:
    """An input whose chunks can be read by themselves."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read: list[int] = []

    def __call__(self, nbytes: int) -> Iterator[memoryview]:
        for at in range(0, nbytes, CHUNK):
            self.read.append(at // CHUNK)
            yield memoryview(self.data)[at : at + CHUNK]

    def glimpses(self, _nbytes: int, size: int, places: list[int]) -> Iterator[bytes]:
        for place in places:
            self.read.append(place)
            yield self.data[place * size : (place + 1) * size]


def test_of_a_base_with_nothing_in_common_only_some_chunks_are_read() -> None:
    base = Glimpsed(trained(WEIGHTS))
    found = BaseComparison(memoryview(trained(WEIGHTS, 7)), WEIGHTS, Base(WEIGHTS, base)).all_over
    assert len(set(base.read)) == 16
    assert found.share == 1
    assert [sample.start * 4 // CHUNK for sample in found.samples] == [0, 5, 8, 12, 16]


@pytest.mark.parametrize("near", [False, True])
def test_a_base_of_which_one_stretch_was_kept_is_compared_throughout(near: bool) -> None:
    base = Glimpsed(trained(WEIGHTS))
    kept = tuned(base.data, WEIGHTS, 1e-6) if near else base.data
    new = bytearray(trained(WEIGHTS, 7))
    new[11 * CHUNK : 13 * CHUNK] = kept[11 * CHUNK : 13 * CHUNK]
    comparison = BaseComparison(memoryview(bytes(new)), WEIGHTS, Base(WEIGHTS, base))
    assert comparison.all_over.share == (1 if near else 0.9)
    assert set(base.read) == set(range(20))


def test_of_a_distant_base_only_the_first_chunk_is_read() -> None:
    base = Glimpsed(trained(WEIGHTS))
    found = BaseComparison(memoryview(trained(WEIGHTS, 7)), WEIGHTS, Base(WEIGHTS, base), distant=True)
    assert len(found.all_over.samples) == 1
    assert base.read == [0]


def test_a_base_that_is_a_single_chunk_is_kept_once_it_is_verified() -> None:
    spec = TensorSpec("F32", (1000,))
    old, new = trained(spec), memoryview(trained(spec, 7))
    reads = 0

    def pieces(_nbytes: int) -> Iterator[memoryview]:
        nonlocal reads
        reads += 1
        yield memoryview(old)

    comparison = BaseComparison(new, spec, Base(spec, pieces))
    assert comparison.first
    assert joined(comparison.decoded_base.read(spec.nbytes)) == old
    assert reads == 1

    def damaged(_nbytes: int) -> Iterator[memoryview]:
        yield memoryview(old)
        raise CorruptError("the digest is another")

    with pytest.raises(CorruptError):
        first_difference(new, spec, Base(spec, damaged))


def test_bits_of_steps_rank_bases() -> None:
    spec = TensorSpec("BF16", (100, 100))
    old = trained(spec)
    scales = (1e-5, 1e-4, 1e-3, 1e-2)
    values = [memoryview(tuned(old, spec, scale)) for scale in scales]
    bits = [BaseComparison(value, spec, base_of(old, spec)).bits for value in values]
    assert bits == sorted(bits)
    assert np.ptp(bits) > 4


@pytest.mark.parametrize("moved", [None, 11, 12])
def test_a_value_that_was_trained_is_looked_at_here_and_there(moved: int | None) -> None:
    base = Glimpsed(trained(WEIGHTS))
    new = bytearray(tuned(base.data, WEIGHTS, 1e-4))
    if moved is not None:
        new[moved * CHUNK : (moved + 1) * CHUNK] = trained(WEIGHTS, 7)[:CHUNK]
    comparison = BaseComparison(memoryview(bytes(new)), WEIGHTS, Base(WEIGHTS, base))
    assert comparison.is_near_throughout() == (moved != 12)
    assert base.read == [0, 4, 12]
