"""Cleaning a changed checkpoint: what is chosen, what it costs, and that it comes back."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.clean import Cleaner
from git_theta.encoding import selection
from git_theta.limits import Limits
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.sizes import payload_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.settings import DEFAULT_DEPTH
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from git_theta.updates.delta import Delta
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.weights import base_of, joined, merged, trained, tuned

SPEC = TensorSpec("F32", (256, 320))


def array(value: bytes, shape: tuple[int, ...] = SPEC.shape) -> NDArray[Any]:
    return np.frombuffer(value, "<f4").reshape(shape)


class Models:
    """A store, and checkpoints that are added to it one after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = LocalStore(folder / "theta")

    def add(self, arrays: dict[str, NDArray[Any]], *previous: Manifest, **options: Any) -> Manifest:
        data = safetensors_bytes(arrays)
        cleaner = Cleaner(store=self.store, threads=2, **options)
        manifest = cleaner.clean(memoryview(data), previous).manifest
        assert self.file(manifest) == data
        return manifest

    def file(self, manifest: Manifest) -> bytes:
        path = self.folder / "out"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            Smudger(self.store, 2).smudge(manifest, handle)
        finally:
            os.close(handle)
        return path.read_bytes()

    def share(self, entry: Entry, *before: Manifest) -> float:
        """The cost of an entry beyond the objects of other manifests, as a share of its bytes."""
        old = {ref for manifest in before for entry in manifest.entries for ref in entry.source.payloads()}
        refs: Iterable[Any] = (ref for ref in entry.source.payloads() if ref not in old)
        return payload_bytes(refs, self.store.size) / entry.spec.nbytes


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path)


def kinds(manifest: Manifest) -> dict[str, str]:
    return {entry.name: entry.source.update for entry in manifest.entries}


def test_each_change_is_stored_as_what_it_is(models: Models) -> None:
    old = {name: trained(SPEC, seed) for seed, name in enumerate(["same", "tune", "lora", "prune", "new"])}
    touched = array(old["prune"]).copy()
    touched[::16, ::20] = 0
    new = {
        "same": array(old["same"]),
        "tune": array(tuned(old["tune"], SPEC, 1e-5)),
        "lora": array(merged(old["lora"], SPEC, 2)),
        "prune": touched,
        "new": array(trained(SPEC, 99)),
        "grown": np.concatenate([array(old["same"]), array(trained(SPEC, 98))[:10]]),
    }
    first = models.add({**{name: array(value) for name, value in old.items()}, "grown": array(old["same"])})
    second = models.add(new, first)
    assert kinds(second) == {
        "same": "dense",
        "tune": "delta",
        "lora": "low-rank",
        "prune": "sparse",
        "new": "dense",
        "grown": "rows",
    }
    cost = {entry.name: models.share(entry, first) for entry in second.entries}
    assert cost["same"] == 0
    assert cost["tune"] < 0.5
    assert cost["lora"] < 0.15
    assert cost["prune"] < 0.01
    assert cost["grown"] < 0.05


def test_a_stretch_that_changed_costs_the_stretch(models: Models) -> None:
    spec = TensorSpec("F32", (1024, 1024))
    old = trained(spec)
    new = bytearray(old)
    new[1_000_000:1_300_000] = trained(TensorSpec("F32", (75_000,)), 9)
    first = models.add({"a": array(old, spec.shape)})
    second = models.add({"a": array(bytes(new), spec.shape)}, first)
    assert models.share(second.entries[0], first) < 0.1


def test_a_grown_and_tuned_vocabulary_is_both(models: Models) -> None:
    old = trained(SPEC)
    first = models.add({"words": array(old)})
    grown = np.concatenate([array(tuned(old, SPEC, 1e-5)), array(trained(SPEC, 5))[:3]])
    second = models.add({"words": grown}, first)
    source = second.entries[0].source
    assert (source.update, source.inputs[0].update, source.inputs[0].inputs[0].update) == (
        "delta",
        "rows",
        "dense",
    )
    assert models.share(second.entries[0], first) < 0.5


def test_independently_trained_models_are_dense(models: Models) -> None:
    first = models.add({str(seed): array(trained(SPEC, seed)) for seed in range(5)})
    second = models.add({str(seed): array(trained(SPEC, seed + 50)) for seed in range(5)}, first)
    assert set(kinds(second).values()) == {"dense"}


def test_a_new_file_finds_the_checkpoint_that_it_was_made_from(models: Models) -> None:
    values = {f"layer.{n}.weight": trained(SPEC, n) for n in range(4)}
    stranger = models.add({name: array(trained(SPEC, 70 + n)) for n, name in enumerate(values)})
    parent = models.add({name: array(value) for name, value in values.items()})
    child = {f"module.{name}": array(tuned(value, SPEC, 1e-5)) for name, value in values.items()}
    added = models.add(child, candidates=lambda: [stranger, parent])
    assert set(kinds(added).values()) == {"delta"}
    for entry in added.entries:
        origin = parent.by_name[entry.name.removeprefix("module.")]
        assert entry.source.inputs == (origin.source,)
    alone = models.add(
        {f"m.{name}": array(trained(SPEC, 200 + n)) for n, name in enumerate(values)},
        candidates=lambda: [stranger, parent],
    )
    assert set(kinds(alone).values()) == {"dense"}


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_chains_stay_short(models: Models, depth: int) -> None:
    value = trained(SPEC)
    manifest = models.add({"a": array(value)})
    for step in range(8):
        value = tuned(value, SPEC, 1e-5, seed=step)
        manifest = models.add({"a": array(value)}, manifest, depth=depth)
        assert manifest.entries[0].source.depth <= depth, "fine-tunes of fine-tunes aren't worth a deep chain"
        assert (manifest.entries[0].source.depth == 1) == (depth == 1)


def test_a_run_whose_steps_become_smaller_costs_little_more_than_neighbours_do(models: Models) -> None:
    versions = [trained(SPEC)]
    for number in range(8):
        versions.append(tuned(versions[-1], SPEC, 1e-4 / 1.6**number, seed=number + 50))
    manifest = models.add({"w": array(versions[0])})
    run = pairs = from_first = 0.0
    for before, after in pairwise(versions):
        previous, manifest = manifest, models.add({"w": array(after)}, manifest)
        assert manifest.entries[0].source.depth <= DEFAULT_DEPTH
        run += models.share(manifest.entries[0], previous)
        pairs += encoded_share(after, before)
        from_first += encoded_share(after, versions[0])
    assert run - pairs < 0.7 * (from_first - pairs)


def encoded_share(value: bytes, base: bytes) -> float:
    """The share of a value's bytes that its delta takes."""
    return len(joined(Delta().encode(memoryview(value), SPEC, base_of(base, SPEC)))) / len(value)


def test_an_adapter_on_a_fine_tune_is_worth_a_deeper_chain(models: Models) -> None:
    value = trained(SPEC)
    base = models.add({"a": array(value)})
    value = tuned(value, SPEC, 1e-4)
    fine_tune = models.add({"a": array(value)}, base)
    merge = models.add({"a": array(merged(value, SPEC, 2))}, fine_tune)
    source = merge.entries[0].source
    assert source.update == "low-rank"
    assert source.inputs == (fine_tune.entries[0].source,)


def test_dense_can_be_asked_for(models: Models) -> None:
    value = trained(SPEC)
    first = models.add({"a": array(value)})
    second = models.add({"a": array(tuned(value, SPEC, 1e-5))}, first, updates=())
    assert kinds(second) == {"a": "dense"}


def test_a_version_that_begins_several_chains_is_compared_once(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = trained(SPEC)
    first = models.add({"a": array(value)})
    chains = [models.add({"a": array(tuned(value, SPEC, 1e-5, seed))}, first) for seed in (5, 6)]
    compared: list[Source] = []
    usual = selection.choices

    def choices(one: memoryview, spec: TensorSpec, candidates: Iterable[Any], *rest: Any) -> Any:
        given = list(candidates)
        compared.extend(candidate.source for candidate in given)
        return usual(one, spec, given, *rest)

    monkeypatch.setattr(selection, "choices", choices)
    models.add({"a": array(tuned(value, SPEC, 1e-5, 7))}, *chains, first)
    assert len(compared) == len(set(compared)) == 3


def test_a_lost_base_is_no_obstacle(models: Models) -> None:
    value = trained(SPEC)
    first = models.add({"a": array(value)})
    for oid in first.oids():
        models.store.path(oid).unlink()
    second = models.add({"a": array(tuned(value, SPEC, 1e-5))}, first)
    assert kinds(second) == {"a": "dense"}


def test_a_damaged_base_is_no_base(models: Models) -> None:
    value = trained(SPEC)
    first = models.add({"a": array(value)})
    (oid,) = {ref.oid for ref in first.entries[0].source.payloads()}
    path = models.store.path(oid)
    path.chmod(0o644)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    second = models.add({"a": array(tuned(value, SPEC, 1e-5))}, first)
    assert kinds(second) == {"a": "dense"}


def test_a_lost_delta_comes_back(models: Models) -> None:
    values = [trained(SPEC)]
    values.append(tuned(values[0], SPEC, 1e-5))
    first = models.add({"a": array(values[0])})
    second = models.add({"a": array(values[1])}, first)
    lost = second.oids() - first.oids()
    assert lost
    for oid in lost:
        models.store.path(oid).unlink()
    again = models.add({"a": array(values[1])}, second)
    assert again == second
    assert all(map(models.store.has, lost))


def test_a_lost_delta_on_a_lost_base_is_stored_anew(models: Models) -> None:
    values = [trained(SPEC)]
    values.append(tuned(values[0], SPEC, 1e-5))
    first = models.add({"a": array(values[0])})
    second = models.add({"a": array(values[1])}, first)
    for oid in second.oids():
        models.store.path(oid).unlink()
    again = models.add({"a": array(values[1])}, second)
    assert kinds(again) == {"a": "dense"}


def test_equal_values_on_other_bases_come_back(models: Models) -> None:
    one, other = trained(SPEC, 1), trained(SPEC, 2)
    new = array(tuned(one, SPEC, 1e-5))
    first = models.add({"a": array(one), "b": array(other), "c": array(one)})
    models.add({"a": new, "b": new, "c": new}, first)


def test_small_and_odd_tensors(models: Models) -> None:
    rng = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(), (0,), (1,), (3,), (0, 4), (1, 1), (7, 1), (2, 3, 4)]
    dtypes = ["f2", "f4", "f8", "i1", "i4", "i8", "u1", "b1"]
    old = {
        f"{kind}{shape}": (rng.standard_normal(shape) * 50).astype(kind)
        for kind in dtypes
        for shape in shapes
    }
    first = models.add({name: np.asarray(value) for name, value in old.items()})
    new = {name: np.asarray(value + np.asarray(1).astype(value.dtype)) for name, value in old.items()}
    grown = {name: np.concatenate([value, value]) if value.ndim else value for name, value in new.items()}
    models.add(grown, models.add(new, first))


def test_chains_stay_within_what_readers_accept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_theta.encoding.budget.WORK_PER_STORED_BYTE", 0)
    models = Models(tmp_path)
    value = trained(SPEC)
    manifest = models.add({"w": array(value)})
    depths = {}
    for factor in (24, 20, 1 << 20):
        models.store.limits = Limits(work=factor * SPEC.nbytes)
        version = manifest
        for seed in range(3):
            value = tuned(value, SPEC, seed=seed + factor)
            version = models.add({"w": array(value)}, version, depth=4)
        depths[factor] = version.entries[0].source.depth
    assert depths == {24: 2, 20: 2, 1 << 20: 4}
