from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.report import elements
from git_theta.report.change import CheckpointChange, file_change
from git_theta.report.difference_histograms import BINS, difference_histograms
from git_theta.report.distance import measure
from git_theta.report.side import Side, ValueReader
from tests.helpers.value_readers import MemoryReader, MissingReader

A = "a" * 64


class Named(MemoryReader):
    """Values by name."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._arrays = arrays

    def value(self, entry: Entry) -> Any:
        return MemoryReader(self._arrays[entry.name].tobytes()).value(entry)


def side(arrays: dict[str, NDArray[Any]], digest: str, dtype: str, reader: ValueReader | None = None) -> Side:
    source = Source("dense", ObjectRef(A))
    entries = (Entry(n, TensorSpec(dtype, a.shape), digest * 64, source) for n, a in arrays.items())
    layout = Entry("layout", TensorSpec("U8", (9,)), A, source)
    return Side("m.pt", Manifest("safetensors", 9, layout, tuple(entries)), reader or Named(arrays))


def compared(
    old: dict[str, NDArray[Any]], new: dict[str, NDArray[Any]], dtype: str = "F32"
) -> CheckpointChange:
    one, other = side(old, "1", dtype), side(new, "2", dtype)
    found = file_change(one, other, lambda _oid: None, lambda _ref: None)
    assert one.reader
    assert other.reader
    return replace(found, measured=measure(found.diff.changed, one.reader, other.reader, 1))


def test_counts_every_element_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "_BLOCK", 7)
    old = np.zeros(2000, "f4") + 1
    new = old.copy()
    new[:1000] += np.linspace(-1, 1, 1000, dtype="f4")
    new[0] = 1000
    new[1999] = np.nan
    (found,) = difference_histograms(compared({"w": old}, {"w": new}), 1)
    assert (found.name, len(found.counts), found.above, found.below) == ("w", BINS, 1, 0)
    # A NaN is a change that isn't in any bin.
    assert found.same == 999
    assert sum(found.counts) == 999
    assert found.reach < 999


def test_the_most_changed_come_first() -> None:
    old = {name: np.ones(5, "f4") for name in "abcd"}
    new = {name: np.full(5, 1 + size, "f4") for name, size in zip("abcd", (0.1, 5, 0, 2), strict=True)}
    found = difference_histograms(compared(old, new), 2, most=2)
    assert [one.name for one in found] == ["b", "d"]
    assert found[0].counts[-1] == 5


def test_without_figures_or_values_there_are_none() -> None:
    one, other = {"w": np.ones(3, "f4")}, {"w": np.zeros(3, "f4")}
    found = compared(one, other)
    assert difference_histograms(replace(found, measured={}), 1) == ()
    assert difference_histograms(replace(found, old=replace(found.old, reader=None)), 1) == ()
    assert difference_histograms(replace(found, new=replace(found.new, reader=MissingReader(b""))), 1) == ()


def test_complex_numbers_count_both_parts() -> None:
    old, new = np.array([1 + 1j, 2]), np.array([2 + 3j, 2])
    (found,) = difference_histograms(compared({"w": old}, {"w": new}, "C128"), 1)
    assert sum(found.counts) == 2
    assert found.same == 1


@given(st.lists(st.tuples(st.floats(-9, 9, width=32), st.floats(-9, 9, width=32)), min_size=1, max_size=50))
def test_swapping_the_sides_mirrors_the_counts(pairs: list[tuple[float, float]]) -> None:
    old, new = (np.array(values, "f4") for values in zip(*pairs, strict=True))
    there, back = (
        difference_histograms(compared({"w": a}, {"w": b}), 1) for a, b in ((old, new), (new, old))
    )
    if there and back:
        assert (there[0].below, there[0].above) == (back[0].above, back[0].below)
        assert sum(there[0].counts) == sum(back[0].counts)
        assert there[0].reach == back[0].reach
