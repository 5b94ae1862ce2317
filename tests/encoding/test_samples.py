"""Samples from places all over a value."""

from __future__ import annotations

from git_theta.codecs.frames import CHUNK
from git_theta.encoding.samples import first_difference, samples_all_over
from git_theta.model.tensor import TensorSpec
from tests.helpers.weights import base_of

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
