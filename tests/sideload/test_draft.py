from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.encoding.decode import read_value
from git_theta.errors import UsageError
from git_theta.limits import Limits
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.settings import MAX_CHAIN_DEPTH
from git_theta.sideload.draft import Draft, apply, apply_lossy, store_all
from git_theta.sideload.given_update import GivenUpdate
from git_theta.store.alternative_sources import AlternativeSources
from git_theta.store.local import LocalStore
from git_theta.updates.array import Array
from git_theta.updates.base import UnsuitableError
from git_theta.updates.ia3 import Ia3
from git_theta.updates.quantized import Quantized
from git_theta.updates.sparse import Sparse
from git_theta.updates.sparse_given import every_element
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean
from tests.helpers.weights import joined

WEIGHTS = np.random.default_rng(0).standard_normal((40, 50)).astype("f4")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


@pytest.fixture
def entry(store: LocalStore) -> Entry:
    (found,) = clean(store, safetensors_bytes({"w": WEIGHTS})).entries
    return found


def times(factor: float) -> GivenUpdate:
    number = np.array([factor], "<f4")
    return GivenUpdate(Ia3(), {"ia3": Array("w/ia3", TensorSpec("F32", (1,)), memoryview(number.tobytes()))})


def value_of(draft: Draft, store: LocalStore) -> NDArray[np.float32]:
    assert draft.payload is not None
    stored = draft.stored(ObjectRef(store.put([draft.payload])))
    return np.frombuffer(joined(read_value(stored, store)), "<f4").reshape(40, 50)


def test_updates_are_applied_one_after_another(store: LocalStore, entry: Entry) -> None:
    draft = apply(entry, [times(2), times(0.25)], store)
    assert np.array_equal(value_of(draft, store), WEIGHTS * np.float32(0.5))
    assert (draft.update, draft.inputs[0].update, draft.inputs[0].inputs) == ("ia3", "ia3", (entry.source,))


def test_an_update_that_readers_would_refuse_is_stored_as_its_value(
    store: LocalStore, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("git_theta.encoding.budget.WORK_PER_STORED_BYTE", 0)
    store.limits = Limits(work=100_000)
    draft = apply(entry, [times(2)], store)
    assert (draft.update, draft.inputs) == ("dense", ())
    assert np.array_equal(value_of(draft, store), WEIGHTS * np.float32(2))


def test_an_exact_value_gets_a_residual(store: LocalStore, entry: Entry) -> None:
    value = WEIGHTS * 2 + np.float32(1e-6)
    draft = apply(entry, [times(2)], store, memoryview(value.tobytes()))
    assert np.array_equal(value_of(draft, store), value)


def test_tensors_that_give_a_value_cannot_give_another_exactly(store: LocalStore, entry: Entry) -> None:
    added = GivenUpdate(Sparse(), every_element(np.ones(2000), "w", entry.spec))
    assert np.array_equal(
        value_of(apply(entry, [added], store), store), (WEIGHTS.astype("f8") + 1).astype("f4")
    )
    with pytest.raises(UnsuitableError):
        apply(entry, [added], store, memoryview(bytes(8000)))


def test_an_unchanged_value_needs_no_payload(store: LocalStore, entry: Entry) -> None:
    assert apply(entry, [times(1)], store) == Draft(entry)


def test_infinite_results_are_refused(store: LocalStore, entry: Entry) -> None:
    with pytest.raises(UsageError, match="'w' infinite in dtype F32"):
        apply(entry, [times(3e38), times(3e38)], store)


def test_chains_end_at_the_largest_depth(store: LocalStore, entry: Entry) -> None:
    source = entry.source
    while source.depth < MAX_CHAIN_DEPTH:
        source = replace(source, update="ia3", inputs=(source,))
    deep = replace(entry, source=source)
    with pytest.raises(UnsuitableError):
        apply_lossy(deep, Quantized(), memoryview(WEIGHTS.tobytes()), 1e-4, store)


def test_a_lossy_value_is_near(store: LocalStore, entry: Entry) -> None:
    value = WEIGHTS + np.float32(0.01)
    draft = apply_lossy(entry, Quantized(), memoryview(value.tobytes()), 1e-3, store)
    found = value_of(draft, store)
    assert not np.array_equal(found, value)
    assert np.abs(found - value).max() < 1.1e-3


def test_drafts_are_stored_together(store: LocalStore, entry: Entry) -> None:
    drafts = {
        "a": apply(entry, [times(2)], store),
        "b": apply(entry, [times(3)], store),
        "same": Draft(entry),
    }
    found = store_all(drafts.get, [*drafts, "none"], store, 2)
    assert found.keys() == drafts.keys()
    assert found["same"] == entry
    (one,), (other,) = (list(found[name].source.payloads())[:1] for name in "ab")
    assert one.oid == other.oid, "small payloads share a pack"
    for name, factor in (("a", 2), ("b", 3)):
        value = np.frombuffer(joined(read_value(found[name], store)), "<f4").reshape(40, 50)
        assert np.array_equal(value, WEIGHTS * np.float32(factor))


def test_a_new_value_stands_on_objects_that_are_here(store: LocalStore, entry: Entry) -> None:
    alternatives = AlternativeSources(lambda: True, lambda: {entry.digest: entry.source})
    pruned = LocalStore(store.root, alternatives=alternatives)
    lost = replace(entry, source=Source("dense", ObjectRef("e" * 64)))
    draft = apply(lost, [times(2)], pruned)
    assert draft.inputs == (entry.source,)
    lossy = apply_lossy(lost, Quantized(), memoryview((WEIGHTS + 1).tobytes()), 0.01, pruned)
    assert lossy.inputs == (entry.source,)
