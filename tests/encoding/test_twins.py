"""Twins: parameters of one file that are nearly equal, such as weights and their moving average."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.clean import Cleaner
from git_theta.encoding import twins
from git_theta.encoding.candidates import NewParameter
from git_theta.encoding.twins import find_twins
from git_theta.errors import ValueChangedError
from git_theta.model.manifest import Manifest, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.alternative_sources import AlternativeSources
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean, smudge

Array = NDArray[Any]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
NAMES = {"<f4": "F32", "float32": "F32", "bfloat16": "BF16", "float64": "F64", "int32": "I32"}


def weights(seed: int, *shape: int) -> Array:
    return (np.random.default_rng(seed).standard_normal(shape or (96, 128)) * 0.05).astype("<f4")


def averaged(array: Array, seed: int = 50) -> Array:
    """The weights a little before: their moving average."""
    return (array + np.random.default_rng(seed).standard_normal(array.shape) * 1e-4).astype("<f4")


def found(model: Mapping[str, Array]) -> dict[str, str]:
    parameters = [
        NewParameter(name, TensorSpec(NAMES[array.dtype.name], array.shape)) for name, array in model.items()
    ]
    return find_twins(parameters, lambda name: memoryview(model[name].tobytes()))


def store_file(store: LocalStore, model: Mapping[str, Array], *previous: Manifest) -> tuple[int, Manifest]:
    """The bytes that a file adds to a store, and its manifest."""
    data = safetensors_bytes(dict(model))
    before = {oid for manifest in previous for oid in manifest.oids()}
    manifest = clean(store, data, *previous)
    assert smudge(store, manifest) == data
    return sum(store.size(oid) or 0 for oid in set(manifest.oids()) - before), manifest


def chain(source: Source) -> list[str]:
    return [source.update, *(chain(source.inputs[0]) if source.inputs else [])]


def test_an_average_has_its_weights_whatever_their_names() -> None:
    model = {f"model.{at}": weights(at) for at in range(4)}
    averages = {f"zz.{at}.shadow": averaged(model[f"model.{at}"]) for at in range(4)}
    assert found(model | averages) == {f"zz.{at}.shadow": f"model.{at}" for at in range(4)}


def test_the_wider_dtype_is_the_original() -> None:
    master = weights(0)
    assert found({"a": master.astype(BFLOAT16), "b": master}) == {"a": "b"}
    assert found({"a": master, "b": master.astype("<f8")}) == {"a": "b"}


def test_one_that_was_there_before_is_the_original() -> None:
    model = {"a": averaged(weights(0)), "b": weights(0)}
    parameters = [NewParameter(name, TensorSpec("F32", array.shape)) for name, array in model.items()]
    assert find_twins(parameters, lambda name: memoryview(model[name].tobytes()), {"b"}) == {"a": "b"}


def test_none_of_three_is_both() -> None:
    model = {"a": weights(0), "b": averaged(weights(0)), "c": averaged(weights(0), 51)}
    assert found(model) == {"b": "a", "c": "a"}


def test_strangers_norms_constants_and_small_values_are_no_twins() -> None:
    norms = {f"norm.{at}": (1 + 0.01 * weights(at, 8192)).astype("<f4") for at in range(3)}
    equal = {"ones": np.ones(8192, "<f4"), "ones too": np.ones(8192, "<f4")}
    small = {"s": weights(9, 100), "t": weights(9, 100)}
    whole = {"i": np.arange(8192, dtype="<i4"), "j": np.arange(8192, dtype="<i4")}
    strangers = {f"w.{at}": weights(at) for at in range(20)}
    assert found(norms | equal | small | whole | strangers) == {}


def test_an_average_in_the_first_file_is_a_delta_of_its_weights(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "theta")
    model = {f"model.{at}": weights(at) for at in range(3)}
    averages = {f"ema.{at}": averaged(model[f"model.{at}"]) for at in range(3)}
    alone, _ = store_file(LocalStore(tmp_path / "alone"), model)
    both, manifest = store_file(store, model | averages)
    assert [chain(entry.source) for entry in manifest.entries] == 3 * [["dense"]] + 3 * [["delta", "dense"]]
    assert both - alone < 0.6 * sum(array.nbytes for array in averages.values())


def test_a_master_copy_and_one_of_half_the_bits_are_stored_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "theta")
    master = {f"master.{at}": weights(at) for at in range(3)}
    half = {f"model.{at}": array.astype(BFLOAT16) for at, array in enumerate(master.values())}
    alone, _ = store_file(LocalStore(tmp_path / "alone"), master)
    both, first = store_file(store, master | half)
    assert both < alone + 1000
    assert [chain(entry.source) for entry in first.entries] == 3 * [["dense"]] + 3 * [["cast", "dense"]]
    # In the next version, too, where the master copies are updates.
    master = {name: averaged(array) for name, array in master.items()}
    half = {f"model.{at}": array.astype(BFLOAT16) for at, array in enumerate(master.values())}
    _, second = store_file(store, master | half, first)
    assert [chain(entry.source) for entry in second.entries[3:]] == 3 * [["cast", "delta", "dense"]]


def test_the_same_file_gives_the_same_manifest(tmp_path: Path) -> None:
    model = {f"model.{at}": weights(at) for at in range(6)}
    model |= {f"ema.{at}": averaged(model[f"model.{at}"]) for at in range(6)}
    manifests = [store_file(LocalStore(tmp_path / str(at)), model)[1] for at in range(2)]
    assert manifests[0] == manifests[1]


def test_a_lost_object_comes_back(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "theta")
    model = {"model": weights(0), "ema": averaged(weights(0))}
    _, manifest = store_file(store, model)
    for oid in manifest.oids():
        store.path(oid).unlink()
    assert clean(store, safetensors_bytes(model), manifest) == manifest
    assert smudge(store, manifest) == safetensors_bytes(model)


def test_dense_means_dense(tmp_path: Path) -> None:
    data = safetensors_bytes({"model": weights(0), "ema": averaged(weights(0))})
    for cleaner in (Cleaner(LocalStore(tmp_path), updates=()), Cleaner(LocalStore(tmp_path), depth=1)):
        manifest = cleaner.clean(memoryview(data)).manifest
        assert {entry.source.update for entry in manifest.entries} == {"dense"}


def test_an_original_that_changes_meanwhile_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(safetensors_bytes({"a": weights(0), "b": averaged(weights(0))}))
    place = data.index(weights(0).tobytes())

    class Changing(twins.Original):
        def candidates(self, depth, store):  # type: ignore[no-untyped-def]
            data[place + 5] ^= 1
            return super().candidates(depth, store)

    monkeypatch.setattr("git_theta.clean.Original", Changing)
    with pytest.raises(ValueChangedError, match="'a'"):
        Cleaner(LocalStore(tmp_path)).clean(memoryview(data))


def test_a_twin_of_an_unchanged_value_stands_on_objects_that_are_here(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "theta")
    old = weights(0)
    _, before = store_file(store, {"w": old})
    (entry,) = before.entries
    alternatives = AlternativeSources(lambda: True, lambda: {entry.digest: entry.source})
    pruned = LocalStore(store.root, alternatives=alternatives)
    lost = replace(entry, source=Source("dense", ObjectRef("e" * 64)))
    _, after = store_file(pruned, {"ema": averaged(old), "w": old}, replace(before, entries=(lost,)))
    twin, same = after.entries
    assert same.source == lost.source
    assert twin.source.inputs == (entry.source,)
