"""Laws of picks, for any models in any dtype of floats: they hold to the rounding of each step."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ml_dtypes import bfloat16, finfo
from numpy.typing import NDArray

from git_theta.merging.execute import Merger
from git_theta.merging.purpose import Purpose
from git_theta.merging.rules import PICK_DEFAULT, MergeRules
from git_theta.merging.standing_rules import standing_rules
from git_theta.model.manifest import Manifest
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_arrays, safetensors_bytes
from tests.helpers.storing import clean, smudge

Values = dict[str, NDArray[np.float64]]

few = settings(max_examples=10, deadline=None)

PICK = MergeRules(default=PICK_DEFAULT, standing=standing_rules(Purpose.PICK)).of_path("m.safetensors")

NAMES = ("w", "v", "n.num_batches_tracked")

dtypes = st.sampled_from([np.float64, np.float32, np.float16, bfloat16])


def values() -> st.SearchStrategy[Values]:
    """Weights of two parameters, and a counter; each of them may be missing, which means no change."""
    numbers = st.lists(st.floats(-8, 8, width=16), min_size=3, max_size=3).map(np.array)
    count = st.integers(-3, 9).map(lambda number: np.array(float(number)))
    return st.fixed_dictionaries({}, optional={"w": numbers, "v": numbers, NAMES[2]: count})


@pytest.fixture(scope="module")
def store() -> Iterator[LocalStore]:
    with tempfile.TemporaryDirectory() as folder:
        yield LocalStore(Path(folder))


def stored(store: LocalStore, model: Values, dtype: Any) -> Manifest:
    """The model in a dtype, and its counter as a whole number."""
    arrays = {name: value.astype(dtype if value.ndim else np.int64) for name, value in model.items()}
    return clean(store, safetensors_bytes(arrays))


def loaded(store: LocalStore, manifest: Manifest) -> Values:
    return {name: value.astype("f8") for name, value in safetensors_arrays(smudge(store, manifest)).items()}


def summed(store: LocalStore, start: Manifest, changes: Sequence[Values], dtype: Any) -> list[Manifest]:
    """Commits one after the other, each with one more change; the start is the first."""
    commits = [start]
    for change in changes:
        before = loaded(store, commits[-1])
        after = {name: value + change.get(name, 0) for name, value in before.items()}
        commits.append(stored(store, after, dtype))
    return commits


def picked(store: LocalStore, onto: Manifest, commits: Sequence[tuple[Manifest, Manifest]]) -> Manifest:
    """The result of picks of commits, each given by the version before it and the one after.

    A change that's there already is applied once, as by Git: that's another law.
    """
    for before, after in commits:
        assume(not _applied(before, onto, after))
        merged = Merger(store).merge(before, [onto, after], PICK)
        assert merged.manifest is not None, merged.conflicts
        onto = merged.manifest
    return onto


def _applied(before: Manifest, onto: Manifest, after: Manifest) -> bool:
    old, here, new = ({entry.name: entry.digest for entry in each.entries} for each in (before, onto, after))
    return any(here[name] == new[name] != old[name] for name in NAMES)


def assert_near(store: LocalStore, found: Manifest, wanted: Values, dtype: Any, steps: int) -> None:
    """Counters are exact; weights have at most one rounding of numbers up to 64 in each step."""
    for name, value in loaded(store, found).items():
        error = 0 if value.ndim == 0 else steps * 64 * float(finfo(dtype).eps)
        np.testing.assert_allclose(value, wanted[name], rtol=0, atol=error, err_msg=name)


START: Values = {"w": np.array([1.0, -2.0, 0.5]), "v": np.array([0.25, 3.0, 0.0]), NAMES[2]: np.array(100.0)}


@few
@given(changes=st.lists(values(), min_size=2, max_size=3), dtype=dtypes)
def test_picking_what_was_reverted_gives_the_value_back(
    store: LocalStore, changes: list[Values], dtype: Any
) -> None:
    start = stored(store, START, dtype)
    first, second, *_, head = summed(store, start, changes, dtype)
    without = picked(store, head, [(second, first)])
    again = picked(store, without, [(first, second)])
    assert_near(store, again, loaded(store, head), dtype, 2)


@few
@given(upstream=values(), changes=st.lists(values(), min_size=1, max_size=4), dtype=dtypes)
def test_a_rebase_is_the_sum_of_all_changes(
    store: LocalStore, upstream: Values, changes: list[Values], dtype: Any
) -> None:
    start = stored(store, START, dtype)
    commits = summed(store, start, changes, dtype)
    _, onto = summed(store, start, [upstream], dtype)
    rebased = picked(store, onto, list(pairwise(commits)))
    before, after, other = (loaded(store, each) for each in (start, commits[-1], onto))
    wanted = {name: other[name] + (after[name] - before[name]) for name in before}
    assert_near(store, rebased, wanted, dtype, len(changes))


@few
@given(
    upstream=values(),
    changes=st.lists(values(), min_size=3, max_size=3),
    order=st.permutations(range(3)),
    dtype=dtypes,
)
def test_the_order_of_independent_picks_does_not_matter(
    store: LocalStore, upstream: Values, changes: list[Values], order: list[int], dtype: Any
) -> None:
    start = stored(store, START, dtype)
    _, onto = summed(store, start, [upstream], dtype)
    commits = [(start, summed(store, start, [change], dtype)[1]) for change in changes]
    one = picked(store, onto, commits)
    other = picked(store, onto, [commits[index] for index in order])
    assert_near(store, other, loaded(store, one), dtype, 2 * len(changes))
