from __future__ import annotations

import os
import resource
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

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
    many = ["0" * 64, A, *(f"{number:064x}" for number in range(2000))]
    assert cache.sources(many) == {A: made.entries[0].source}
    cache.remember(replace(made, layout=replace(made.layout, digest="0" * 64)))
    assert cache.sources(many).keys() == {A, "0" * 64}, "also what isn't written yet"
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


def test_a_full_disk_leaves_the_cache_as_it_was(tmp_path: Path, old_file: Path) -> None:
    made = manifest_named("x")
    reopened(tmp_path / "c", made, old_file.stat()).close()
    large = manifest_named(*(f"y{number:05}" for number in range(20_000)))
    other = tmp_path / "other"
    other.write_bytes(b"y")
    os.utime(other, (time.time() - 10,) * 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # To a program, that's like a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        reopened(tmp_path / "c", large, other.stat()).close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with closing(Cache(tmp_path / "c")) as cache:
        assert cache.manifest(old_file.stat()) == made
        assert cache.manifest(other.stat()) is None


@pytest.mark.parametrize("seconds", [10_413_792_000, 30_000_000_000])
def test_a_file_of_a_time_that_the_database_cannot_hold_is_unknown(
    tmp_path: Path, old_file: Path, seconds: int
) -> None:
    old = old_file.stat()
    fields = {name: getattr(old, name) for name in ("st_dev", "st_ino", "st_size", "st_mtime_ns")}
    changed = SimpleNamespace(**fields, st_ctime_ns=seconds * 10**9)
    for status in (changed, SimpleNamespace(**{**fields, "st_mtime_ns": seconds * 10**9}, st_ctime_ns=0)):
        cache = reopened(tmp_path / "c", manifest_named("x"), cast(os.stat_result, status))
        assert cache.manifest(cast(os.stat_result, status)) is None
        assert cache.source(A) == manifest_named("x").entries[0].source
        cache.close()


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.mark.parametrize("value", ["'abc'", "5", "1.5", "null", "x'00'", "x''", "cast(x'ff' as text)"])
def test_a_cache_with_values_of_other_types_is_an_empty_one(
    tmp_path: Path, old_file: Path, value: str
) -> None:
    path = tmp_path / "c"
    reopened(path, manifest_named("x"), old_file.stat()).close()
    change(path, f"update files set manifest = {value}; update sources set source = {value}")
    cache = Cache(path)
    assert cache.manifest(old_file.stat()) is None
    assert cache.source(A) is None
    cache.close()


def test_a_cache_with_other_columns_is_begun_afresh(tmp_path: Path, old_file: Path) -> None:
    path = tmp_path / "c"
    change(path, "create table files (a); create table sources (b)")
    reopened(path, manifest_named("x"), old_file.stat()).close()
    cache = reopened(path, manifest_named("x"), old_file.stat())
    assert cache.manifest(old_file.stat()) == manifest_named("x")
    cache.close()


def test_a_locked_cache_is_an_empty_one_and_stays(
    tmp_path: Path, old_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("git_theta.store.database._PATIENCE", 0.01)
    path = tmp_path / "c"
    reopened(path, manifest_named("x"), old_file.stat()).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("pragma locking_mode = exclusive")
        other.execute("begin exclusive")
        other.execute("delete from sources where digest = x'00'")
        cache = reopened(path, manifest_named("y"))
        assert cache.manifest(old_file.stat()) is None
        cache.close()
    cache = Cache(path)
    assert cache.manifest(old_file.stat()) == manifest_named("x")
    cache.close()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_cache_that_is_no_file_is_an_empty_one(
    tmp_path: Path, old_file: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "c")
    cache = reopened(tmp_path / "c", manifest_named("x"), old_file.stat())
    assert cache.manifest(old_file.stat()) is None
    cache.close()
