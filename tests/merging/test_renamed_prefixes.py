"""Prefixes of names that differ between the versions of a merge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from git_theta.clean import Cleaner
from git_theta.merging.execute import Merger
from git_theta.merging.outcome import Merged
from git_theta.merging.renamed_prefixes import Prefix, changed_prefixes, renamed_parameters
from git_theta.merging.rules import MergeRules
from git_theta.model.manifest import Manifest
from git_theta.report.merge_summary import merge_lines
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes

NAMES = ("encoder.0.weight", "encoder.1.weight", "head.bias")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def model(store: LocalStore, value: float, prefix: str = "", names: tuple[str, ...] = NAMES) -> Manifest:
    arrays = {prefix + name: np.full(4, value + at, "f4") for at, name in enumerate(names)}
    return Cleaner(store).clean(memoryview(safetensors_bytes(arrays)), ()).manifest


def merged(store: LocalStore, base: Manifest | None, *sides: Manifest) -> Merged:
    return Merger(store).merge(base, sides, MergeRules())


def values(store: LocalStore, found: Merged, path: Path) -> dict[str, float]:
    assert found.manifest is not None, found.conflicts
    with path.open("wb+") as file:
        Smudger(store).smudge(found.manifest, file.fileno())
    return {name: float(array[0]) for name, array in load(path.read_bytes()).items()}


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "bert.", "a.b."])
@pytest.mark.parametrize("wrapped", ["base", "ours", "theirs", "both"])
def test_a_wrapped_model_is_merged_with_the_plain_one(
    store: LocalStore, tmp_path: Path, prefix: str, wrapped: str
) -> None:
    prefixes = {
        name: prefix if wrapped in (name, "both") and (name, wrapped) != ("base", "both") else ""
        for name in ("base", "ours", "theirs")
    }
    base, ours, theirs = (
        model(store, value, prefixes[name]) for name, value in (("base", 0), ("ours", 2), ("theirs", 6))
    )
    found = merged(store, base, ours, theirs)
    # The result has the names of the side that changed them.
    new = "" if wrapped == "base" else prefix
    assert values(store, found, tmp_path / "out") == {
        f"{new}{name}": 4.0 + at for at, name in enumerate(NAMES)
    }
    assert any(prefix in line for line in merge_lines(found))


def test_without_a_base_names_are_those_of_ours(store: LocalStore, tmp_path: Path) -> None:
    found = merged(store, None, model(store, 2, "module."), model(store, 6))
    assert values(store, found, tmp_path / "out") == {
        f"module.{name}": 4.0 + at for at, name in enumerate(NAMES)
    }


def test_parameters_that_only_one_side_has_keep_their_names(store: LocalStore, tmp_path: Path) -> None:
    base, ours = model(store, 0), model(store, 2, names=(*NAMES, "extra.weight"))
    found = values(store, merged(store, base, ours, model(store, 6, "module.")), tmp_path / "out")
    assert found == {**{f"module.{name}": 4.0 + at for at, name in enumerate(NAMES)}, "extra.weight": 5.0}


def test_a_head_that_was_replaced_is_another_one(store: LocalStore) -> None:
    old = model(store, 0, names=("body.w", "classifier.weight", "classifier.bias"))
    new = model(store, 9, names=("body.w", "score.weight", "score.bias"))
    assert changed_prefixes(old, new) == []


def test_wrappers_are_found_below_other_keys(store: LocalStore) -> None:
    old = model(store, 0, "state_dict/")
    assert changed_prefixes(old, model(store, 9, "state_dict/module.")) == [
        Prefix("state_dict/", "state_dict/module.")
    ]
    assert changed_prefixes(old, model(store, 9, "ema/")) == []


def test_equal_values_tell_that_a_part_was_renamed(store: LocalStore) -> None:
    old = model(store, 0, names=("bert.w", "bert.b", "head.w"))
    new = model(store, 0, names=("encoder.w", "encoder.b", "head.w"))
    assert changed_prefixes(old, new) == [Prefix("bert.", "encoder.")]
    assert renamed_parameters(old, new, [Prefix("bert.", "encoder.")]) == {
        "bert.w": "encoder.w",
        "bert.b": "encoder.b",
    }


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        ("a.", "b.", "if a.* of theirs is b.* of ours: --rename 'a.*=b.*'"),
        ("bert.", "", "if the names of theirs are those of ours after bert.: --rename 'bert.*=*'"),
        ("", "bert.", "if the names of ours are those of theirs after bert.: --rename '*=bert.*'"),
    ],
)
def test_the_option_is_told_with_its_condition(old: str, new: str, advice: str) -> None:
    assert Prefix(old, new).advice() == advice
