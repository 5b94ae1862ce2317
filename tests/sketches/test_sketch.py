from __future__ import annotations

import numpy as np
import pytest

from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.sketches.sketch import (
    HEAD,
    MIN_SKETCHED,
    SampleTaker,
    Sketch,
    comparable,
    difference_bits,
    own_bits,
    resolution,
    sample_count,
    sample_positions,
    sketch,
)
from git_theta.updates.rounding import round_to, widen
from tests.helpers.weights import trained, tuned

SPEC = TensorSpec("F32", (256, 256))


def sketched(value: bytes, spec: TensorSpec = SPEC) -> Sketch:
    found = sketch(memoryview(value), spec)
    assert found is not None
    return found


def bits(new: Sketch, base: Sketch) -> float:
    return float(difference_bits(new.keys, base.keys, resolution(new.spec)).mean())


def test_small_tensors_have_no_sketch_and_large_ones_a_small_one() -> None:
    assert sample_count(TensorSpec("U8", (MIN_SKETCHED - 1,))) == 0
    assert sketch(memoryview(b""), TensorSpec("F32", (0,))) is None
    assert sample_count(TensorSpec("U8", (MIN_SKETCHED,))) == HEAD
    assert sample_count(TensorSpec("F32", (4096, 4096))) == sample_count(TensorSpec("F32", (1 << 14,))) == 256


@pytest.mark.parametrize("elements", [1024, 4097, 1 << 20, (1 << 40) + 1])
def test_every_beginning_of_the_positions_is_spread_over_the_tensor(elements: int) -> None:
    positions = sample_positions(elements, 256)
    assert positions.min() >= 0
    assert positions.max() < elements
    for count in (16, 64, 256):
        gaps = np.diff(np.sort(positions[:count]))
        assert gaps.max() < 3 * elements / count


def test_positions_are_in_many_columns() -> None:
    assert len(set((sample_positions(1 << 24, 256) % 4096).tolist())) > 200


@pytest.mark.parametrize("dtype", sorted(ITEM_SIZE))
def test_a_value_in_pieces_has_the_sketch_of_the_whole(dtype: str) -> None:
    spec = TensorSpec(dtype, (165, 127))
    value = (
        np.random.default_rng(0).integers(0, 2 if dtype == "BOOL" else 256, spec.nbytes, np.uint8).tobytes()
    )
    view = memoryview(value)
    samples = SampleTaker(spec)
    for at in range(0, len(value), 1001):
        samples.take(view[at : at + 1001])
    found = samples.sketch()
    assert np.array_equal(found.keys, sketched(value, spec).keys)
    assert found.keys.dtype == np.uint32


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16", "F64"])
def test_differences_have_fewer_bits_the_closer_values_are(dtype: str) -> None:
    spec = TensorSpec(dtype, SPEC.shape)
    value = trained(spec)
    new = sketched(value, spec)
    near, far = (sketched(tuned(value, spec, scale), spec) for scale in (1e-4, 1e-2))
    assert bits(new, new) == 0
    assert bits(new, near) < bits(new, far) < own_bits(new.keys, resolution(new.spec))
    stranger = sketched(trained(spec, 7), spec)
    assert bits(new, stranger) == pytest.approx(own_bits(new.keys, resolution(new.spec)), rel=0.06)


def test_differences_count_bits() -> None:
    keys = np.array([5, 5, 5, 5, 0, 1 << 31], np.uint32)
    others = np.array([5, 6, 1, 5 + 255, 1 << 31, 0], np.uint32)
    assert difference_bits(keys, others, 0).tolist() == [0, 1, 3, 8, 32, 32]
    assert difference_bits(keys, others, 2).tolist() == [0, 0, 1, 6, 30, 30]


@pytest.mark.parametrize("dtype", ["BF16", "F16"])
def test_a_rounded_value_does_not_differ_from_the_one_it_was_rounded_from(dtype: str) -> None:
    value = trained(SPEC)
    narrow = TensorSpec(dtype, SPEC.shape)
    rounded = round_to(widen(np.frombuffer(value, "<u4"), "F32"), dtype).tobytes()
    wide = sketched(value)
    samples = len(wide.keys)
    # A narrower value of fewer bytes has a smaller sketch, with the same elements at its beginning.
    small = sketched(rounded, narrow)
    assert small.keys.size <= samples
    part = Sketch(wide.spec, wide.keys[: small.keys.size])
    assert comparable(narrow, SPEC)
    assert bits(small, part) < 0.1
    assert bits(sketched(trained(narrow, 3), narrow), part) > 5


def test_integers_are_compared_with_integers_alone() -> None:
    assert comparable(TensorSpec("I32", (4,)), TensorSpec("I32", (2, 2)))
    assert not comparable(TensorSpec("I32", (4,)), TensorSpec("F32", (4,)))
    spec = TensorSpec("I16", (64, 128))
    numbers = np.arange(spec.count, dtype="<i2") - 2000
    assert bits(sketched(numbers.tobytes(), spec), sketched((numbers + 1).tobytes(), spec)) == 1
