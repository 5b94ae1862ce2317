from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.merging.arranged_rows import arranged
from git_theta.merging.converted import ConvertedValue
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Source
from git_theta.model.strided import temporary_file
from git_theta.model.tensor import TensorSpec

KINDS = {"F32": "f4", "BF16": ml_dtypes.bfloat16, "I64": "i8"}


def value(array: NDArray[Any], dtype: str) -> ConvertedValue:
    data = array.astype(KINDS[dtype]).tobytes()
    entry = Entry("w", TensorSpec(dtype, array.shape), digest(data), Source("dense", None))
    return ConvertedValue(entry.spec, entry.digest, (entry,), lambda: iter((memoryview(data),)))


def first_column(value: ConvertedValue) -> list[float]:
    array = np.frombuffer(b"".join(map(bytes, value.read())), KINDS[value.spec.dtype])
    numbers: list[float] = array.astype(float).reshape(value.spec.shape[0], -1)[:, 0].tolist()
    return numbers


def rows(*numbers: float) -> NDArray[Any]:
    return np.repeat(np.array(numbers, float)[:, None], 3, axis=1)


def result(
    versions: Sequence[NDArray[Any] | None], keys: Sequence[str | None], order: str, dtype: str = "F32"
) -> list[list[float] | None]:
    """The first column of each version."""
    given = [None if each is None else value(each, dtype) for each in versions]
    found = arranged(given, keys, order, temporary_file)
    for before, after in zip(given, found, strict=True):
        if before and after:
            data = b"".join(map(bytes, after.read()))
            assert digest(data) == after.digest
            assert after.spec == TensorSpec(dtype, (len(order), *before.spec.shape[1:]))
            assert before.origins[0] in after.origins
    return [each and first_column(each) for each in found]


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_rows_that_some_sides_lack_are_equal_in_all_versions(dtype: str) -> None:
    versions = rows(1, 2, 3), rows(5, 6, 7), rows(2, 3, 9)
    assert result(versions, ["abc", "abx", "bcy"], "ybxac", dtype) == [
        [9, 2, 7, 5, 3],
        [9, 6, 7, 5, 3],
        [9, 2, 7, 5, 3],
    ]


def test_rows_that_the_base_lacks_are_the_mean_there() -> None:
    assert result([rows(1), rows(2, 4), rows(3, 8)], ["a", "ax", "ax"], "ax") == [[1, 6], [2, 4], [3, 8]]
    assert result([rows(1), rows(2, 4), rows(3, 8)], ["a", "ax", "ax"], "ax", "I64")[0] == [1, 4]


def test_without_a_base_and_with_one_dimension() -> None:
    ours, theirs = np.array([1.0, 2.0]), np.array([2.0, 5.0, 7.0])
    assert result([None, ours, theirs], [None, "ab", "bcd"], "abcd") == [None, [1, 2, 5, 7], [1, 2, 5, 7]]


def test_a_value_with_the_rows_of_the_result_is_itself() -> None:
    ours = value(rows(1, 2), "F32")
    assert arranged([None, ours, value(rows(3), "F32")], [None, "ab", "a"], "ab", temporary_file)[1] is ours


def test_many_rows_and_wide_ones() -> None:
    random = np.random.default_rng(0)
    base = random.standard_normal((3000, 200))
    theirs = np.concatenate([base[::-1], random.standard_normal((5, 200))])
    order = list(range(2999, -1, -1)) + list(range(3000, 3005))
    versions = [value(each, "F32") for each in (base, base, theirs)]
    found = arranged(versions, [range(3000), range(3000), order], order, temporary_file)
    assert [each and each.digest for each in found] == [versions[2].digest] * 3
