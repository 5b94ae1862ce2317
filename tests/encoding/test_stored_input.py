"""Stored values as inputs: as a whole, and by parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.codecs.frames import CHUNK
from git_theta.encoding.decode import decode_source, read_value
from git_theta.encoding.stored_input import StoredInput
from git_theta.model.manifest import Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates.base import Base, Pieces, read_part
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean
from tests.helpers.weights import joined


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def stored(store: LocalStore, arrays: Mapping[str, NDArray[np.float32]], *previous: Manifest) -> Manifest:
    return clean(store, safetensors_bytes(dict(arrays)), *previous)


def test_a_part_of_a_value_is_read_by_itself_from_a_checked_object(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.random.default_rng(0).standard_normal(1 << 19).astype("<f4")
    (entry,) = stored(store, {"w": array}).entries
    nbytes = entry.spec.nbytes

    def whole(_nbytes: int) -> Pieces:
        raise AssertionError("all of the value is read")

    found = StoredInput(entry.source, store, whole, verified=True)
    assert joined(read_part(found, nbytes, 1 << 20, (1 << 20) + 40)) == array.tobytes()[1 << 20 :][:40]
    verified: list[str] = []
    monkeypatch.setattr(LocalStore, "verify", lambda _store, oid: verified.append(oid))
    joined(StoredInput(entry.source, store, whole).part(nbytes, 0, 4))
    assert verified == []
    joined(found.part(nbytes, 0, 4))
    assert verified == [ref.oid for ref in entry.source.payloads()]


def test_a_part_of_an_update_is_cut_from_all_of_it(store: LocalStore) -> None:
    array = np.random.default_rng(0).standard_normal(1 << 12).astype("<f4")
    before = stored(store, {"w": array})
    (entry,) = clean(store, safetensors_bytes({"w": array * np.float32(1.0001)}), before).entries
    assert entry.source.update != "dense"
    found = StoredInput(entry.source, store, lambda size: decode_source(entry.source, size, store))
    value = joined(read_value(entry, store))
    assert joined(found.part(entry.spec.nbytes, 100, 200)) == value[100:200]


def test_chunks_of_a_chain_of_deltas_are_decoded_by_themselves(store: LocalStore) -> None:
    """Chunks that are equal, pruned, replaced in part, or tuned have residuals of different kinds."""
    rng = np.random.default_rng(0)
    first = (rng.standard_normal(6 * CHUNK // 4 + 100) * 0.05).astype("<f4")
    second = first + (rng.standard_normal(first.shape) * 1e-5).astype("<f4")
    third = second.copy()
    chunks = [third[at : at + CHUNK // 4] for at in range(0, len(third), CHUNK // 4)]
    for chunk in chunks[::2]:
        chunk += np.float32(1e-5)
    chunks[0][rng.random(len(chunks[0])) < 0.5] = 0
    chunks[2][:10_000] = rng.standard_normal(10_000)
    manifest = stored(store, {"w": first})
    manifest = stored(store, {"w": second}, manifest)
    (entry,) = stored(store, {"w": third}, manifest).entries
    assert [entry.source.update, entry.source.inputs[0].update] == ["delta", "delta"]

    def whole(_nbytes: int) -> Pieces:
        raise AssertionError("all of the value is read")

    base = Base(TensorSpec("F32", third.shape), StoredInput(entry.source, store, whole))
    data = third.tobytes()
    for places in ([0], [1, 3], [2, 5, 6], [4]):
        wanted = [data[at * CHUNK : (at + 1) * CHUNK] for at in places]
        assert list(base.glimpses(CHUNK, places)) == wanted


def test_chunks_of_other_values_are_cut_from_all_of_it(store: LocalStore) -> None:
    value = np.arange(CHUNK, dtype="<f4")
    (entry,) = stored(store, {"w": value}).entries
    read = StoredInput(entry.source, store, lambda nbytes: decode_source(entry.source, nbytes, store))
    for base in (Base(entry.spec, read), Base(entry.spec, read.__call__)):
        assert list(base.glimpses(1000, [1, 7])) == [value.tobytes()[at : at + 1000] for at in (1000, 7000)]
    lost = Base(entry.spec, StoredInput(entry.source, LocalStore(store.root / "other"), read))
    assert list(lost.glimpses(CHUNK, [3])) == [value.tobytes()[3 * CHUNK :]]
