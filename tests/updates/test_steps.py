from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.updates.bundle import MAX_BUNDLE
from git_theta.updates.payload import typed_header
from git_theta.updates.steps import Steps, steps_between
from tests.helpers.weights import input_of, joined, trained, tuned


def words(data: bytes, spec: TensorSpec) -> np.ndarray:
    return np.frombuffer(data, f"<u{spec.word_size}")


@given(st.sampled_from(sorted(ITEM_SIZE)), st.integers(1, 40), st.integers(1, 9), st.randoms())
def test_every_value_of_a_bundle_comes_back(dtype: str, count: int, values: int, random: object) -> None:
    spec = TensorSpec(dtype, (count,))
    old = np.random.default_rng(count).bytes(values * spec.nbytes)
    new = np.random.default_rng(values).bytes(values * spec.nbytes)
    after, before = (words(data, spec).reshape(values, -1) for data in (new, old))
    payload = Steps().encode_bundle(steps_between(after, before, dtype).reshape(-1), dtype)
    bundle = Steps().open_bundle(memoryview(payload))
    places = range(0, len(new), spec.nbytes)
    bases = [memoryview(old)[place : place + spec.nbytes] for place in places]
    together = Steps().decode_bundled(bundle, places, bases, spec.nbytes)
    assert together == [new[place : place + spec.nbytes] for place in places]
    last = Steps().decode_bundled(bundle, places[-1:], bases[-1:], spec.nbytes)
    assert last == together[-1:]


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
def test_steps_of_a_fine_tune_are_small(dtype: str) -> None:
    spec = TensorSpec(dtype, (200, 64))
    old = trained(spec)
    new = tuned(old, spec)
    after, before = (words(data, spec).reshape(200, -1) for data in (new, old))
    payload = Steps().encode_bundle(steps_between(after, before, dtype).reshape(-1), dtype)
    assert len(payload) < {"F32": 0.6, "BF16": 0.2, "F16": 0.4}[dtype] * len(new)


def test_a_bundle_of_one_value_needs_no_place() -> None:
    payload = Steps().encode_bundle(np.arange(3, dtype="<u4"), "I32")
    assert joined(Steps().decode(memoryview(payload), [input_of(bytes(12))], 12)) == b"".join(
        step.to_bytes(4, "little", signed=True) for step in (0, -1, 1)
    )
    with pytest.raises(CorruptError, match="12 bytes, not 8"):
        Steps().decode(memoryview(payload), [input_of(bytes(8))], 8)


@given(st.binary(max_size=200))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(CorruptError):
        Steps().open_bundle(memoryview(junk))


def test_a_bundle_that_claims_much_is_refused() -> None:
    header = typed_header("steps", TensorSpec("F32", (MAX_BUNDLE // 4 + 1,)))
    with pytest.raises(CorruptError, match="at most 65,536"):
        Steps().open_bundle(memoryview(header + bytes(4)))


@pytest.mark.parametrize(("place", "nbytes"), [(0, 16), (8, 8), (3, 4), (0, 3), (1 << 62, 4)])
def test_places_outside_or_between_values_are_refused(place: int, nbytes: int) -> None:
    bundle = Steps().open_bundle(memoryview(Steps().encode_bundle(np.arange(3, dtype="<u4"), "I32")))
    with pytest.raises(CorruptError):
        Steps().decode_bundled(bundle, [0, place], [memoryview(bytes(nbytes))] * 2, nbytes)
