from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from git_theta.encoding.allowed_updates import may_reshape
from git_theta.encoding.candidates import NewParameter
from git_theta.encoding.related import related_checkpoints
from git_theta.model.manifest import Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates.cast import cast_to
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean
from tests.helpers.weights import base_of, joined, trained, tuned

SPEC = TensorSpec("F32", (64, 128))
PARENT = {f"layer.{n}": trained(SPEC, n) for n in range(4)}
CHILD = {name: tuned(value, SPEC, 1e-5) for name, value in PARENT.items()}
STRANGER = {name: trained(SPEC, 90 + n) for n, name in enumerate(PARENT)}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def stored(store: LocalStore, values: Mapping[str, bytes]) -> Manifest:
    arrays = {name: np.frombuffer(value, "<f4").reshape(SPEC.shape) for name, value in values.items()}
    return clean(store, safetensors_bytes(arrays))


def related(store: LocalStore, values: Mapping[str, bytes], *candidates: Manifest) -> list[Manifest]:
    wanted = [NewParameter(name, SPEC) for name in values]
    accepts = partial(may_reshape, ())
    return related_checkpoints(wanted, lambda name: memoryview(values[name]), candidates, store, accepts)


def test_the_closest_comes_first_and_strangers_are_left_out(store: LocalStore) -> None:
    parent, stranger = stored(store, PARENT), stored(store, STRANGER)
    far = stored(store, {name: tuned(value, SPEC, 1e-3) for name, value in PARENT.items()})
    assert related(store, CHILD, stranger, far, parent) == [parent, far]
    assert related(store, STRANGER, parent, far) == []


def test_most_bytes_must_have_a_counterpart(store: LocalStore) -> None:
    half = stored(store, dict(list(PARENT.items())[:2]))
    array = np.frombuffer(PARENT["layer.0"], "<f4").reshape(SPEC.shape)
    strange = np.zeros((100, 100, 3), "<f4")
    part = clean(store, safetensors_bytes({"layer.0": array, "other": strange}))
    assert related(store, CHILD, half, part) == [half]


def test_shards_are_one_checkpoint(store: LocalStore) -> None:
    whole = stored(store, {name: tuned(value, SPEC, 1e-3) for name, value in PARENT.items()})
    shards = [stored(store, {name: value}) for name, value in PARENT.items()]
    stranger = stored(store, {"layer.0": STRANGER["layer.0"]})
    first, second = related(store, CHILD, whole, stranger, *shards)
    assert [entry.name for entry in first.entries] == list(PARENT)
    assert {entry.digest for entry in first.entries} == {shard.entries[0].digest for shard in shards}
    assert second == whole


def test_a_checkpoint_whose_objects_are_lost_is_unrelated(store: LocalStore) -> None:
    parent = stored(store, PARENT)
    for oid in parent.oids():
        store.path(oid).unlink()
    assert related(store, CHILD, parent) == []


def test_without_candidates_nothing_is_read(store: LocalStore) -> None:
    assert related(store, CHILD) == []


def test_a_copy_in_another_dtype_beside_the_model(store: LocalStore) -> None:
    parent, stranger = stored(store, PARENT), stored(store, STRANGER)
    half = TensorSpec("BF16", SPEC.shape)
    values = {
        name: joined(cast_to(base_of(value, SPEC), "BF16").read(half.nbytes)) for name, value in CHILD.items()
    }
    wanted = [NewParameter(name, half) for name in values]
    accepts = partial(may_reshape, ())
    found = related_checkpoints(
        wanted, lambda name: memoryview(values[name]), (stranger, parent), store, accepts
    )
    assert found == [parent]
