from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.encoding.decode import read_value
from git_theta.git.lossy.repacked import needed_objects, repacked
from git_theta.git.plumbing.command import Git
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.storing import clean
from tests.helpers.weights import joined

RANDOM = np.random.default_rng(0)
ARRAYS = {
    **{f"big.{number}": RANDOM.standard_normal((64, 64)).astype("f4") for number in range(3)},
    **{f"small.{number}": RANDOM.standard_normal(9).astype("f4") for number in range(3)},
}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def without(manifest: Manifest, prefix: str) -> Manifest:
    entries = tuple(entry for entry in manifest.entries if not entry.name.startswith(prefix))
    return Manifest(manifest.format, manifest.size, manifest.layout, entries)


def size(manifest: Manifest, store: LocalStore) -> int:
    return sum(store.size(oid) or 0 for oid in manifest.oids())


def test_small_payloads_leave_a_pack_of_large_ones(store: LocalStore) -> None:
    whole = clean(store, safetensors_bytes(ARRAYS))
    left = without(whole, "big")
    (found,) = repacked([left], (), store)
    assert size(found, store) * 20 < size(left, store)
    for entry in found.entries:
        assert joined(read_value(entry, store)) == ARRAYS[entry.name].tobytes()
    assert [(entry.name, entry.digest) for entry in found.entries] == [
        (entry.name, entry.digest) for entry in left.entries
    ]


def test_packs_that_are_needed_stay(store: LocalStore) -> None:
    whole = clean(store, safetensors_bytes(ARRAYS))
    left = without(whole, "big")
    assert repacked([whole], (), store) == [whole]
    assert repacked([left], whole.oids(), store) == [left]
    assert repacked([left, without(whole, "small")], (), store) == [left, without(whole, "small")]


def test_objects_that_are_not_here_stay_as_they_are(store: LocalStore, tmp_path: Path) -> None:
    left = without(clean(store, safetensors_bytes(ARRAYS)), "big")
    assert repacked([left], (), LocalStore(tmp_path / "other")) == [left]


def test_objects_of_head_and_of_other_files_are_needed(repo: Repo) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        repo.write(name, safetensors_bytes({name: ARRAYS["big.0"] + len(name), "w": RANDOM.random(5)}))
        repo.git("add", name)
    first, second = (
        parse_manifest(repo.git("show", f":{name}.safetensors").encode()).oids() for name in "ab"
    )
    git = Git(str(repo.path))
    assert needed_objects(git, ["a.safetensors"]) == set(second)
    repo.commit()
    assert needed_objects(git, ["a.safetensors"]) == {*first, *second}
