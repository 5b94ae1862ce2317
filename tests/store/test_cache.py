from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from git_theta.model.manifest import Manifest
from git_theta.store.cache import Cache
from tests.helpers.manifests import A, manifest_named


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    os.utime(path, (time.time() - 10,) * 2)
    return path


def reopened(path: Path, made: Manifest, status: os.stat_result | None = None) -> Cache:
    cache = Cache(path)
    cache.remember(made, status)
    cache.close()
    return Cache(path)


def test_another_process_finds_what_was_remembered(tmp_path: Path, old_file: Path) -> None:
    made = manifest_named("x")
    cache = reopened(tmp_path / "theta" / "c", made, old_file.stat())
    assert cache.manifest(old_file.stat()) == made
    assert cache.source(A) == made.entries[0].source
    assert cache.source("0" * 64) is None
    cache.close()


def test_a_changed_file_is_unknown(tmp_path: Path, old_file: Path) -> None:
    cache = reopened(tmp_path / "c", manifest_named("x"), old_file.stat())
    old_file.write_bytes(b"y")
    assert cache.manifest(old_file.stat()) is None
    cache.close()


def test_a_file_that_may_still_change_unseen_is_not_remembered(tmp_path: Path, old_file: Path) -> None:
    old_file.write_bytes(b"y")
    cache = reopened(tmp_path / "c", manifest_named("x"), old_file.stat())
    assert cache.manifest(old_file.stat()) is None
    cache.close()


def test_a_damaged_cache_is_an_empty_one(tmp_path: Path, old_file: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(b"junk" * 1000)
    cache = reopened(path, manifest_named("x"), old_file.stat())
    assert cache.manifest(old_file.stat()) is None
    cache.close()
    cache = reopened(path, manifest_named("x"), old_file.stat())
    assert cache.manifest(old_file.stat()) == manifest_named("x")
    cache.close()


def test_an_unwritable_cache_is_an_empty_one(tmp_path: Path, old_file: Path) -> None:
    blocked = tmp_path / "file" / "c"
    cache = reopened(blocked, manifest_named("x"), old_file.stat())
    assert cache.source(A) is None
    cache.close()
