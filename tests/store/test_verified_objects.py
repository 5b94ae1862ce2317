"""Verified objects: remembered until their files change."""

import os
from pathlib import Path

import pytest

from git_theta.errors import CorruptError
from git_theta.store import object_folder
from git_theta.store.local import LocalStore
from git_theta.store.verified_objects import VerifiedObjects


def test_an_object_counts_as_verified_until_its_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "object"
    file.write_bytes(b"one")
    verified = VerifiedObjects()
    before = file.stat()
    assert not verified.has("a", before)
    verified.add("a", before)
    assert verified.has("a", file.stat())
    assert not verified.has("b", file.stat())
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not verified.has("a", file.stat())


def test_a_pack_is_read_once_for_all_parameters_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    oid = store.put([b"pack"])
    reads = []
    mapped = object_folder._mapped
    monkeypatch.setattr(object_folder, "_mapped", lambda *args: reads.append(args) or mapped(*args))
    store.verify(oid)
    store.verify(oid)
    assert len(reads) == 1


def test_a_damaged_object_is_never_counted_as_verified(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    oid = store.put([b"pack"])
    store.verify(oid)
    store.path(oid).chmod(0o644)
    store.path(oid).write_bytes(b"sack")
    for _ in range(2):
        with pytest.raises(CorruptError, match="damaged"):
            store.verify(oid)
