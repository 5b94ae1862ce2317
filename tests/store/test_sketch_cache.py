from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from git_theta.model.tensor import TensorSpec
from git_theta.store import sketch_cache
from git_theta.store.sketch_cache import FILE_NAME, SketchCache, StoredContent, StoredSketch
from tests.helpers.manifests import A, B

SPEC = TensorSpec("F32", (64, 128))
SCALAR = TensorSpec("I64", ())


def cached(folder: Path, *sketches: StoredSketch) -> SketchCache:
    with closing(SketchCache(folder)) as cache:
        cache.add(sketches)
    return SketchCache(folder)


def test_another_process_finds_sketches_by_type_and_digest(tmp_path: Path) -> None:
    one, other = StoredSketch(SPEC, B, bytes(range(32))), StoredSketch(SCALAR, A, b"abcd")
    with closing(cached(tmp_path, one, other, StoredSketch(SPEC, A, b"x" * 32))) as cache:
        assert cache.types() == {SPEC: 2, SCALAR: 1}
        assert cache.beginnings(SPEC, 2) == {B: bytes(range(8)), A: b"x" * 8}
        assert cache.keys(SPEC, [B, "0" * 64], 8) == {B: bytes(range(32))}
        assert cache.keys(SCALAR, [A], 1) == {A: b"abcd"}


def test_the_sketch_of_a_value_is_kept_once(tmp_path: Path) -> None:
    with closing(cached(tmp_path, StoredSketch(SPEC, A, b"abcd"), StoredSketch(SPEC, A, b"efgh"))) as cache:
        assert cache.beginnings(SPEC, 1) == {A: b"abcd"}


def test_without_a_file_nothing_is_found_and_none_is_made(tmp_path: Path) -> None:
    with closing(SketchCache(tmp_path / "theta")) as cache:
        assert (cache.types(), cache.beginnings(SPEC, 1), cache.keys(SPEC, [A], 1)) == ({}, {}, {})
        cache.add([])
        cache.keep_only([A])
    assert not (tmp_path / "theta").exists()


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketch_cache, "_MAX_SKETCHES", 2)
    names = [f"{number:064}" for number in range(4)]
    with closing(cached(tmp_path, *(StoredSketch(SPEC, name, b"abcd") for name in names))) as cache:
        assert list(cache.beginnings(SPEC, 1)) == names[2:]


def test_sketches_of_values_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    with closing(cached(tmp_path, StoredSketch(SPEC, A, b"abcd"), StoredSketch(SCALAR, B, b"abcd"))) as cache:
        assert sorted(cache.digests()) == [A, B]
        cache.keep_only([B])
        assert cache.types() == {SCALAR: 1}
        cache.keep_only([])
        assert cache.types() == {}


@pytest.mark.parametrize("value", ["'abc'", "5", "null", "x'00'", "cast(x'ff' as text)"])
@pytest.mark.parametrize("column", ["dtype", "shape", "digest", "keys"])
def test_garbage_is_left_out(tmp_path: Path, column: str, value: str) -> None:
    cached(tmp_path, StoredSketch(SPEC, A, b"abcd")).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute(f"update sketches set {column} = {value}")
    with closing(SketchCache(tmp_path)) as cache:
        cache.types()
        assert cache.beginnings(SPEC, 1) == {}
        assert cache.keys(SPEC, [A], 1) == {}


def test_a_damaged_file_is_begun_afresh(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"junk" * 1000)
    with closing(SketchCache(tmp_path)) as cache:
        assert cache.types() == {}
    with closing(cached(tmp_path, StoredSketch(SPEC, A, b"abcd"))) as cache:
        assert cache.types() == {SPEC: 1}


def test_content_sketches_are_kept_once_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sketch_cache, "_MAX_CONTENTS", 2)
    first = StoredContent(A, 5000, bytes(8), bytes(16))
    with closing(SketchCache(tmp_path)) as cache:
        cache.add_contents([first, StoredContent(A, 6000, b"", b""), StoredContent(B, 7000, b"", b"")])
        assert cache.contents() == [first, StoredContent(B, 7000, b"", b"")]
        assert sorted(cache.digests()) == [A, B]
        cache.add_contents([StoredContent("0" * 64, 1, b"", b"")])
        assert [each.digest for each in cache.contents()] == [B, "0" * 64]
        cache.keep_only([B])
        assert [each.digest for each in cache.contents()] == [B]


def test_content_sketches_that_make_no_sense_are_left_out(tmp_path: Path) -> None:
    with closing(SketchCache(tmp_path)) as cache:
        cache.add_contents([StoredContent(A, 5000, b"odd", b"")])
        assert cache.contents() == []
