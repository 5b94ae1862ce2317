from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from git_theta.model.digest import digest
from git_theta.store import value_cache
from git_theta.store.value_cache import ValueCache

VALUE = bytes(range(256)) * 40


def pieces() -> list[memoryview]:
    return [memoryview(VALUE)[at : at + 999] for at in range(0, len(VALUE), 999)]


def test_a_value_can_be_taken_once(tmp_path: Path) -> None:
    cache = ValueCache(tmp_path / "values")
    key = cache.write(pieces(), len(VALUE))
    assert key == digest(VALUE)
    assert cache.take(key, len(VALUE)) == VALUE
    assert cache.take(key, len(VALUE)) is None
    assert list((tmp_path / "values").iterdir()) == []


def test_a_damaged_value_is_not_given(tmp_path: Path) -> None:
    cache = ValueCache(tmp_path)
    key = cache.write(pieces(), len(VALUE))
    assert cache.take(key, len(VALUE) + 1) is None
    (tmp_path / key).write_bytes(VALUE[::-1])
    assert cache.take(key, len(VALUE)) is None


def test_without_room_no_value_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_cache, "_MAX_BYTES", 1000)
    key = ValueCache(tmp_path).write(pieces(), len(VALUE))
    assert key == digest(VALUE)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert ValueCache(tmp_path / "file").write(pieces(), len(VALUE)) == key


def test_values_that_were_never_taken_are_removed(tmp_path: Path) -> None:
    cache = ValueCache(tmp_path)
    old = cache.write(pieces(), len(VALUE))
    past = time.time() - 3600
    os.utime(tmp_path / old, (past, past))
    new = ValueCache(tmp_path).write([memoryview(VALUE[::-1])], len(VALUE))
    assert [path.name for path in tmp_path.iterdir()] == [new]


def test_small_values_are_not_kept(tmp_path: Path) -> None:
    cache = ValueCache(tmp_path / "values")
    key = cache.write([memoryview(b"1234")], 4)
    assert key == digest(b"1234")
    assert cache.take(key, 4) is None
