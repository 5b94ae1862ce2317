from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from git_theta.errors import CorruptError, MissingObjectError
from git_theta.git.migrate.lfs_objects import fetch_absent, verified_object, work_tree_fetcher
from git_theta.git.plumbing.command import Git
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject

OID = hashlib.sha256(b"hello").hexdigest()


def test_absent_objects_come_from_the_nearest_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("work").write_bytes(b"hello")
    store = LocalStore(tmp_path / "lfs")
    asked: list[Sequence[RemoteObject]] = []

    def server(wanted: Sequence[RemoteObject], store: LocalStore) -> None:
        asked.append(wanted)

    other = "0" * 64
    fetchers = [work_tree_fetcher(Git(), {OID: [b"nothing", b"work"], other: [b"work"]}), server]
    with pytest.raises(MissingObjectError, match=other):
        fetch_absent(store, {OID: 5, other: 5}, fetchers)
    assert asked == [[RemoteObject(other, 5)]]
    assert bytes(verified_object(store, OID, 5)) == b"hello"
    fetch_absent(store, {OID: 5}, [])
    with pytest.raises(CorruptError):
        verified_object(store, OID, 6)
