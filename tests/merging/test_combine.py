from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from git_theta.clean import Cleaner
from git_theta.encoding.stored_value import StoredValue
from git_theta.encoding.value_writer import ValueWriter
from git_theta.errors import UsageError
from git_theta.limits import Limits
from git_theta.merging.combine import Combiner
from git_theta.merging.outcome import ParameterPlan
from git_theta.merging.rules import MergeRule
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec
from git_theta.settings import DEFAULT_DEPTH
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.updates import AUTO
from git_theta.updates.base import Input
from tests.helpers.checkpoints import safetensors_bytes

IMPORTANCE = np.arange(1, 601, dtype="f4").reshape(30, 20)
ARRAYS = [np.random.default_rng(seed).standard_normal((30, 20)).astype("f4") for seed in range(3)]


def _unknown(_digests: Iterable[str]) -> dict[str, Source]:
    return {}


def side_file(path: str, _name: str) -> tuple[TensorSpec, Input]:
    """Ones, but for the file `large`, in which each element is another one."""
    data = (IMPORTANCE if path == "large" else np.ones((30, 20), "f4")).tobytes()
    return TensorSpec("F32", (30, 20)), lambda _nbytes: iter([memoryview(data)])


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


@pytest.fixture
def combine(store: LocalStore) -> Callable[..., StoredValue]:
    """Combines the three arrays, the first of which is the base, by a rule."""
    entries = []
    for array in ARRAYS:
        manifest = Cleaner(store).clean(memoryview(safetensors_bytes({"w": array}))).manifest
        entries += [entry for entry in manifest.entries if entry.name == "w"]
    base, *sides = entries

    def combined(rule: MergeRule) -> StoredValue:
        def mapped(entry: Entry) -> memoryview | None:
            return memoryview(ARRAYS[1].tobytes()) if entry is sides[0] else None

        with Batch(store) as batch:
            writer = ValueWriter(store, batch, {}, _unknown, AUTO, DEFAULT_DEPTH)
            combiner = Combiner(store, writer, _unknown, DEFAULT_DEPTH, side_file, mapped)
            return combiner.combine(ParameterPlan("w", base, tuple(sides), rule), rule)

    return combined


def test_an_element_wise_result_is_a_recipe(combine: Callable[..., StoredValue]) -> None:
    found = combine(MergeRule("average"))
    assert (found.name, found.spec) == ("w", TensorSpec("F32", (30, 20)))
    assert found.source.update == "recipe"


def test_a_result_without_recipe_is_stored_as_a_value(combine: Callable[..., StoredValue]) -> None:
    found = combine(MergeRule("fisher", (("files", "small,large"),)))
    assert found.source.update != "recipe"
    ours, theirs, weight = (each.astype("f8") for each in (*ARRAYS[1:], IMPORTANCE))
    assert found.digest == digest(((ours + weight * theirs) / (1 + weight)).astype("f4").tobytes())


def test_a_recipe_that_readers_would_refuse_is_stored_as_a_value(
    combine: Callable[..., StoredValue], store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = combine(MergeRule("average"))
    assert recipe.source.update == "recipe"
    monkeypatch.setattr("git_theta.encoding.budget.WORK_PER_STORED_BYTE", 0)
    store.limits = Limits(work=100_000)
    plain = combine(MergeRule("average"))
    assert plain.digest == recipe.digest
    assert plain.source.update != "recipe"


def test_a_result_that_equals_an_input_has_its_source(combine: Callable[..., StoredValue]) -> None:
    ours = combine(MergeRule("linear", (("weights", "1,0"),)))
    assert ours.source.update == "dense"


def test_options_must_fit_the_models(combine: Callable[..., StoredValue]) -> None:
    with pytest.raises(UsageError, match="3 weights are given for 2 models"):
        combine(MergeRule("linear", (("weights", "1,2,3"),)))
    with pytest.raises(UsageError, match="for 0 of 2 models"):
        combine(MergeRule("fisher"))
