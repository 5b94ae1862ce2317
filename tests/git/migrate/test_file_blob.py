from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from git_theta.errors import FormatError, ManifestError
from git_theta.git.migrate.file_blob import FileBlob, Tally, read_file_blob
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.remote.lfs_ref import pointer
from git_theta.store.local import LocalStore
from tests.helpers.manifests import manifest_named
from tests.helpers.repo import Repo

OID = hashlib.sha256(b"hello").hexdigest()
MANIFEST = manifest_named("weight")


def read(repo: Repo, data: bytes, *, manifests: bool = True) -> FileBlob:
    oid = repo.run("git", "hash-object", "-w", "--stdin", stdin=data).stdout.strip()
    with GitObjects(repo.path) as objects:
        return read_file_blob(objects, oid, b"model.bin", manifests=manifests)


def test_each_kind_is_told_by_its_content(empty: Repo) -> None:
    text = MANIFEST.to_bytes()
    assert read(empty, text) == FileBlob("theta", len(text), MANIFEST.size, manifest=MANIFEST)
    assert read(empty, text, manifests=False) == FileBlob("theta", len(text), None)
    lfs = read(empty, pointer(OID, 5))
    assert (lfs.kind, lfs.size, lfs.lfs) == ("lfs", 5, {OID: 5})
    assert read(empty, b"weights") == FileBlob("plain", 7, 7)
    assert read(empty, b'{"a": 1}') == FileBlob("plain", 8, 8)
    assert read(empty, b"") == FileBlob("empty", 0, 0)


def test_an_empty_file_is_stored_as_it_should_be(empty: Repo) -> None:
    assert all(read(empty, b"").is_stored_as(target) for target in ("theta", "lfs", "plain"))
    assert not read(empty, b"weights").is_stored_as("theta")


def test_a_damaged_blob_is_named_with_its_path(empty: Repo) -> None:
    with pytest.raises(ManifestError, match=r"^model\.bin: blob "):
        read(empty, MANIFEST.to_bytes()[:-1])
    with pytest.raises(FormatError, match=r"^model\.bin: blob .*extensions"):
        read(empty, pointer(OID, 5).replace(b"\noid", b"\next-0-a sha256:" + OID.encode() + b"\noid"))


def test_shared_objects_are_counted_once(empty: Repo, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    tally = Tally(store)
    blob = read(empty, pointer(OID, 5))
    tally.add("1", blob)
    tally.add("2", blob)
    assert tally.bytes == 2 * blob.blob_size + 5
