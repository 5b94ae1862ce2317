from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import ITEM_SIZE, TensorSpec, numpy_dtype
from git_theta.report import elements
from git_theta.report.distance import Distance, measure
from tests.helpers.value_readers import MemoryReader, MissingReader


def entry(dtype: str, *shape: int) -> Entry:
    return Entry("w", TensorSpec(dtype, shape), "a" * 64, Source("none", None))


def measured(old: NDArray[Any], new: NDArray[Any], dtypes: tuple[str, str] = ("F32", "F32")) -> Distance:
    pair = entry(dtypes[0], *old.shape), entry(dtypes[1], *new.shape)
    found = measure((pair,), MemoryReader(old.tobytes()), MemoryReader(new.tobytes()), 1)["w"]
    assert isinstance(found, Distance), found
    return found


def test_figures() -> None:
    old, new = np.array([3, 4, 0, 0], "f4"), np.array([3, 4, 0, -2], "f4")
    found = measured(old, new)
    assert (found.norm, found.relative, found.largest, found.share, found.broken) == (2, 0.4, 2, 0.25, 0)
    assert found.cosine == pytest.approx(25 / 5 / math.sqrt(29))


def test_blocks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    old = random.standard_normal(5000).astype("f4")
    new = (old + random.standard_normal(5000)).astype("f4")
    whole = measured(old, new)
    monkeypatch.setattr(elements, "_BLOCK", 77)
    parts = measured(old, new)
    assert parts.norm == pytest.approx(whole.norm, rel=1e-12)
    step = new.astype("f8") - old
    assert whole.norm == pytest.approx(np.linalg.norm(step), rel=1e-12)
    assert (parts.largest, parts.changed) == (whole.largest, whole.changed) == (abs(step).max(), 5000)


def test_nan_and_infinities_are_counted_and_in_no_sum() -> None:
    old = np.array([1, np.nan, np.inf, 2], "f4")
    new = np.array([np.nan, np.nan, 5, 3], "f4")
    found = measured(old, new)
    assert (found.norm, found.largest, found.broken, found.changed) == (1, 1, 1, 3)


def test_zeros_have_no_direction() -> None:
    zeros, ones = np.zeros(3, "f4"), np.ones(3, "f4")
    assert (measured(zeros, ones).relative, measured(zeros, ones).cosine) == (None, None)
    assert measured(ones, zeros).relative == 1


def test_complex_numbers() -> None:
    found = measured(np.array([3 + 4j], "c8"), np.array([0j], "c8"), ("C64", "C64"))
    assert (found.norm, found.largest, found.count) == (5, 5, 1)


def test_another_dtype_is_compared_by_the_numbers() -> None:
    old = np.array([1, 2.5, np.nan], "f4")
    found = measured(old, old.astype("f2"), ("F32", "F16"))
    assert (found.norm, found.changed) == (0, 0)


def test_large_doubles() -> None:
    found = measured(np.array([1e200]), np.array([-1e200]), ("F64", "F64"))
    assert (found.largest, found.relative, found.cosine) == (2e200, None, None)


@pytest.mark.parametrize("dtype", sorted(ITEM_SIZE))
@given(data=st.data())
def test_any_dtype_any_bytes(dtype: str, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 9))
    size = count * ITEM_SIZE[dtype]
    old, new = (data.draw(st.binary(min_size=size, max_size=size)) for _ in range(2))
    pair = entry(dtype, count), entry(dtype, count)
    found = measure((pair,), MemoryReader(old), MemoryReader(new), 1)["w"]
    assert isinstance(found, Distance)
    assert found.count == count
    assert 0 <= found.share <= 1
    assert found.cosine is None or -1 <= found.cosine <= 1
    items = (np.frombuffer(side, f"V{ITEM_SIZE[dtype]}").tolist() for side in (old, new))
    assert found.changed == sum(a != b for a, b in zip(*items, strict=True))
    assert numpy_dtype(dtype).itemsize == ITEM_SIZE[dtype]


def test_reasons_why_there_are_none() -> None:
    pair = entry("F32", 2), entry("F32", 3)
    assert measure((pair,), MemoryReader(b""), MemoryReader(b""), 1) == {"w": "another shape"}
    pair = entry("F32", 2), entry("F32", 2)
    assert measure((pair,), MissingReader(b""), MemoryReader(b""), 1) == {
        "w": "it isn't here\nhint: fetch it"
    }
    assert "bytes" in str(measure((pair,), MemoryReader(b"123"), MemoryReader(b"12345678"), 1)["w"])
