"""Refusals to rebuild a file. That a file comes back byte for byte is held by `test_laws`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from git_theta.errors import CorruptError, MissingObjectError, PluginError
from git_theta.model.manifest import Manifest
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean, smudge

ARRAYS = {"a": np.arange(12, dtype="f4"), "b": np.random.default_rng(0).standard_normal(700_000).astype("f4")}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


@pytest.fixture
def manifest(store: LocalStore) -> Manifest:
    return clean(store, safetensors_bytes(ARRAYS))


def test_the_layout_is_that_of_the_file(store: LocalStore, manifest: Manifest) -> None:
    layout = Smudger(store).layout(manifest)
    assert layout.size == manifest.size
    assert {place.name for place in layout.placements} == {"a", "b"}
    with pytest.raises(CorruptError, match=f"not {manifest.size + 1}"):
        Smudger(store).layout(replace(manifest, size=manifest.size + 1))


def test_the_skeleton_has_everything_but_tensors(store: LocalStore, manifest: Manifest) -> None:
    data = safetensors_bytes(ARRAYS)
    skeleton = bytes(Smudger(store).skeleton(manifest))
    start = data.index(ARRAYS["b"].tobytes()[:400])
    assert len(skeleton) == len(data)
    assert skeleton[:8] == data[:8]
    assert not any(skeleton[start : start + ARRAYS["b"].nbytes])


def test_parameters_of_another_layout(store: LocalStore, manifest: Manifest) -> None:
    with pytest.raises(CorruptError, match="don't belong together"):
        smudge(store, replace(manifest, entries=manifest.entries[:1]))
    assert not Smudger(store).overlaps(manifest)


def test_a_missing_object(store: LocalStore, manifest: Manifest) -> None:
    (ref,) = manifest.by_name["b"].source.payloads()
    store.path(ref.oid).unlink()
    with pytest.raises(MissingObjectError, match="'b'"):
        smudge(store, manifest)


def test_a_missing_plugin_is_named_before_anything_is_read(store: LocalStore, manifest: Manifest) -> None:
    first, *others = manifest.entries
    foreign = replace(first, source=replace(first.source, update="scaled"))
    record = (("update-scaled", "git-theta-scaled 0.1"),)
    with pytest.raises(PluginError, match=r"'scaled' of git-theta-scaled 0\.1"):
        smudge(store, replace(manifest, entries=(foreign, *others), extra=record))


def test_progress_counts_every_parameter(store: LocalStore, manifest: Manifest, tmp_path: Path) -> None:
    seen: list[int] = []
    with (tmp_path / "out").open("w+b") as file:
        Smudger(store, 2, seen.append).smudge(manifest, file.fileno())
    assert sum(seen) == sum(array.nbytes for array in ARRAYS.values())
