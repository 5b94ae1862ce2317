from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from git_theta.errors import MissingObjectError
from git_theta.mergetool.change_stats import ChangeStats, Comparison, group_stats, parameter_stats
from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec

MIB = 1 << 20
VALUES: dict[str, np.ndarray] = {}


def entry(name: str, array: np.ndarray) -> Entry:
    VALUES[name] = array
    dtype = {"float32": "F32", "float16": "F16", "int64": "I64"}[array.dtype.name]
    return Entry(name, TensorSpec(dtype, array.shape), name, Source("dense", None))


def read(wanted: Entry) -> Iterator[memoryview]:
    data = memoryview(VALUES[wanted.name].tobytes())
    for at in range(0, len(data), MIB):
        yield data[at : at + MIB]


def stats(base: np.ndarray, ours: np.ndarray, theirs: np.ndarray, limit: int = MIB) -> ChangeStats | str:
    comparison = Comparison(entry("base", base), entry("ours", ours), entry("theirs", theirs))
    return parameter_stats([comparison], read, limit, 1)[0]


def test_relative_norms_and_cosine() -> None:
    base = np.array([3, 4], "f4")
    found = stats(base, base + np.array([1, 0], "f4"), base + np.array([0, 2], "f4"))
    assert isinstance(found, ChangeStats)
    assert found.relative_norm(found.ours) == pytest.approx(0.2)
    assert found.relative_norm(found.theirs) == pytest.approx(0.4)
    assert found.relative_norm(found.apart) == pytest.approx(np.sqrt(5) / 5)
    assert found.cosine == 0
    assert not found.sampled


def test_other_dtypes_can_be_compared_but_no_other_shapes() -> None:
    base = np.ones(4, "f4")
    assert isinstance(stats(base, base.astype("f2"), (base * 2).astype("i8")), ChangeStats)
    assert stats(base, np.ones(5, "f4"), base) == "another shape"


def test_elements_that_are_not_finite_count_in_no_sum() -> None:
    base = np.array([1, np.nan, np.inf, 1], "f4")
    found = stats(base, np.array([2, 1, 1, np.nan], "f4"), np.array([1, 1, 1, 1], "f4"))
    assert isinstance(found, ChangeStats)
    assert (found.reference, found.ours, found.theirs) == (1, 1, 0)
    assert found.cosine is None


def test_norms_relative_to_zero_are_undefined() -> None:
    found = stats(np.zeros(3, "f4"), np.ones(3, "f4"), np.ones(3, "f4"))
    assert isinstance(found, ChangeStats)
    assert found.relative_norm(found.ours) is None
    assert found.cosine == pytest.approx(1)


def test_a_sample_goes_on_until_there_is_a_change() -> None:
    base = np.zeros(1 << 20, "f4") + np.float32(1)
    late = base.copy()
    late[-1] = 5
    found = stats(base, late, base + np.float32(1), limit=1)
    assert isinstance(found, ChangeStats)
    assert found.ours == 16
    assert not found.sampled
    early = stats(base, base + np.float32(1), base * 3, limit=1)
    assert isinstance(early, ChangeStats)
    assert early.sampled
    assert early.relative_norm(early.ours) == pytest.approx(1)


def test_a_group_is_added_up() -> None:
    comparisons = []
    for i in range(20):
        arrays = (np.ones(8, "f4"), np.full(8, 2, "f4"), np.full(8, 3, "f4"))
        entries = [entry(f"{i}.{k}", array) for k, array in zip("bot", arrays, strict=True)]
        comparisons.append(Comparison(*entries))
    found = group_stats(comparisons, read, MIB, 2)
    assert found == ChangeStats(160, 160, 640, 160, 320)
    some = group_stats(comparisons, read, 1, 2)
    assert isinstance(some, ChangeStats)
    assert some.sampled
    assert some.reference < 160


def test_a_missing_object_is_a_reason() -> None:
    def missing(_entry: Entry) -> Iterator[memoryview]:
        raise MissingObjectError("it isn't here")

    one = entry("x", np.ones(3, "f4"))
    assert group_stats([Comparison(one, one, one)], missing, MIB, 1) == "it isn't here"
