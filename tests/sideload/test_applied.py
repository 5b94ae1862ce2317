"""Updates that a value has already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from git_theta.model.manifest import Entry, ObjectRef
from git_theta.model.tensor import TensorSpec
from git_theta.sideload.applied import can_be_applied_twice, is_applied
from git_theta.sideload.draft import apply
from git_theta.sideload.given_update import GivenUpdate
from git_theta.store.local import LocalStore
from git_theta.updates.array import Array
from git_theta.updates.dense import Dense
from git_theta.updates.ia3 import Ia3
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean

WEIGHTS = np.random.default_rng(0).standard_normal((40, 50)).astype("f4")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def entry_of(store: LocalStore, value: np.ndarray) -> Entry:
    (found,) = clean(store, safetensors_bytes({"w": value})).entries
    return found


def times(factor: float) -> GivenUpdate:
    number = np.array([factor], "<f4")
    return GivenUpdate(Ia3(), {"ia3": Array("w/ia3", TensorSpec("F32", (1,)), memoryview(number.tobytes()))})


def after(entry: Entry, step: GivenUpdate, store: LocalStore) -> Entry:
    draft = apply(entry, [step], store)
    assert draft.payload is not None
    return draft.stored(ObjectRef(store.put([draft.payload])))


def test_an_update_on_which_a_value_stands(store: LocalStore) -> None:
    entry = entry_of(store, WEIGHTS)
    once = after(entry, times(2), store)
    assert not is_applied(entry, [times(2)], [], store)
    assert is_applied(once, [times(2)], [], store)
    assert not is_applied(once, [times(3)], [], store)


def test_an_update_of_an_earlier_version(store: LocalStore) -> None:
    entry = entry_of(store, WEIGHTS)
    rounded = entry_of(store, (WEIGHTS * np.float32(2)).astype("f2").astype("f4"))
    rounded = replace(rounded, spec=entry.spec)
    assert is_applied(rounded, [times(2)], [entry], store)
    assert not is_applied(rounded, [times(2)], [], store)
    assert not is_applied(rounded, [times(2.5)], [entry], store)


def test_an_update_that_changes_nothing(store: LocalStore) -> None:
    entry = entry_of(store, WEIGHTS)
    assert not is_applied(entry, [times(1)], [entry], store)


def test_updates_that_give_the_value_can_be_repeated() -> None:
    assert can_be_applied_twice((times(2),))
    assert not can_be_applied_twice((GivenUpdate(Dense(), {}),))


def test_an_update_after_which_the_value_changed_again(store: LocalStore) -> None:
    other = np.random.default_rng(1).standard_normal((40, 50)).astype("f4")
    first = entry_of(store, WEIGHTS)
    second = entry_of(store, WEIGHTS * np.float32(2))
    third = entry_of(store, WEIGHTS * np.float32(2) + other)
    assert is_applied(third, [times(2)], [third, second, first], store)
    assert not is_applied(third, [times(3)], [third, second, first], store)


def test_an_update_that_was_taken_back(store: LocalStore) -> None:
    other = np.random.default_rng(1).standard_normal((40, 50)).astype("f4")
    first = entry_of(store, WEIGHTS)
    second = entry_of(store, WEIGHTS * np.float32(2))
    third = entry_of(store, WEIGHTS + other / 4)
    assert not is_applied(first, [times(2)], [second, first], store)
    assert not is_applied(third, [times(2)], [third, first, second, first], store)
