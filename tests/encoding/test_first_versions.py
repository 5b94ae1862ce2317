from __future__ import annotations

from pathlib import Path

from git_theta.encoding.first_versions import first_version
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from tests.helpers.storing import clean
from tests.helpers.weights import trained

WEIGHTS = trained(TensorSpec("F32", (1 << 19,)))


def test_a_chain_of_patches_begins_with_the_first_version(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first = clean(store, b"name" + WEIGHTS)
    entry = first.entries[0]
    assert first_version(entry, store) is None
    last = clean(store, b"longer name" + WEIGHTS, first).entries[0]
    assert last.source.update == "patch"
    found = first_version(last, store)
    assert found
    assert found.source == entry.source
    assert found.base.spec == entry.spec
    assert b"".join(map(bytes, found.base.read(entry.spec.nbytes))) == b"name" + WEIGHTS


def test_without_its_payload_a_patch_says_nothing_of_the_first(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    last = clean(store, b"longer name" + WEIGHTS, clean(store, b"name" + WEIGHTS)).entries[0]
    assert first_version(last, LocalStore(tmp_path / "other")) is None
