"""Values in another dtype."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.export import convert
from git_theta.export.convert import converted
from git_theta.export.plan import ExportedTensor
from git_theta.model.tensor import TensorSpec
from tests.helpers.manifests import entry
from tests.helpers.value_readers import cut


def in_dtype(array: np.ndarray[tuple[int, ...], np.dtype[np.float32]], dtype: str) -> tuple[bytes, list[int]]:
    tensor = ExportedTensor(
        "t", entry("t", spec=TensorSpec("F32", array.shape)), TensorSpec(dtype, array.shape)
    )
    lost: list[int] = []
    data = array.tobytes()
    return b"".join(map(bytes, converted(tensor, cut(data, 3, len(data) // 2), lost.append))), lost


@pytest.mark.parametrize("block", [1 << 18, 7])
def test_rounding_is_to_nearest(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "_BLOCK", block)
    array = np.random.default_rng(1).standard_normal(100).astype("f4")
    assert in_dtype(array, "F16")[0] == array.astype("f2").tobytes()
    halves = np.frombuffer(in_dtype(array, "BF16")[0], "<u2")
    back = (halves.astype("u4") << 16).view("f4")
    assert (np.abs(back - array) <= np.abs(array) * 2.0**-8).all()


def test_numbers_that_become_infinite_are_counted() -> None:
    array = np.array([1, 7e4, -1e9, np.inf, np.nan], "f4")
    data, lost = in_dtype(array, "F16")
    assert lost == [2]
    np.testing.assert_array_equal(np.frombuffer(data, "f2"), np.array([1, np.inf, -np.inf, np.inf, np.nan]))
