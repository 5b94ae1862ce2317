from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.errors import MissingObjectError, ThetaError
from git_theta.git.merge.preview_store import preview_store
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore


def put(store: LocalStore, data: bytes) -> str:
    with Batch(store) as batch:
        return batch.put([data]).oid


@pytest.fixture
def below(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def test_objects_of_both_stores_can_be_read(below: LocalStore) -> None:
    old = put(below, b"old object")
    with preview_store(below) as store:
        new = put(store, b"new")
        assert [store.has(oid) for oid in (old, new)] == [True, True]
        assert [store.size(oid) for oid in (old, new)] == [10, 3]
        assert [bytes(store.get(oid)) for oid in (old, new)] == [b"old object", b"new"]
        assert bytes(store.part(old, 4, 6)) == b"object"


def test_new_objects_are_gone_afterwards(below: LocalStore) -> None:
    with preview_store(below) as store:
        new = put(store, b"new")
        assert not below.has(new)
    assert not store.has(new)
    with pytest.raises(MissingObjectError):
        store.get(new)
    assert not list(below.tmp.iterdir())


def test_a_store_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ThetaError, match="can't write"), preview_store(LocalStore(tmp_path / "file")):
        pass
