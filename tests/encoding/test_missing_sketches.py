from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from git_theta.encoding.candidates import NewParameter
from git_theta.encoding.missing_sketches import make_missing_sketches
from git_theta.model.manifest import Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.sketches.archive_content import content_sketch
from git_theta.sketches.query import NewValue
from git_theta.sketches.search import SketchSearch
from git_theta.store.local import LocalStore
from git_theta.store.sketch_cache import SketchCache
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean
from tests.helpers.weights import trained, tuned

SPEC = TensorSpec("F32", (64, 128))
LAYERS = [trained(SPEC, seed) for seed in range(4)]
WANTED = [NewParameter(f"new.{n}", SPEC) for n in range(4)]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


@pytest.fixture
def search(store: LocalStore) -> Iterator[SketchSearch]:
    with closing(SketchSearch(SketchCache(store.root))) as opened:
        yield opened


@pytest.fixture
def stored(store: LocalStore) -> Manifest:
    arrays = {f"w{n}": np.frombuffer(value, "<f4").reshape(SPEC.shape) for n, value in enumerate(LAYERS)}
    return clean(store, safetensors_bytes(arrays))


def make(wanted: list[NewParameter], stored: Manifest, search: SketchSearch, store: LocalStore) -> list[str]:
    """The digests of the values that have a sketch then."""
    with ThreadPoolExecutor(2) as pool:
        made = make_missing_sketches(wanted, [stored], search, store, pool)
    missing = {entry.digest for entry in search.without_sketch(stored.entries)}
    there = [entry.digest for entry in stored.entries if entry.digest not in missing]
    assert {entry.digest for entry in made} <= set(there)
    return there


def test_values_of_equal_size_are_sketched(store: LocalStore, search: SketchSearch, stored: Manifest) -> None:
    other = [NewParameter("other", TensorSpec("F32", (64, 127)))]
    assert make(other * 9, stored, search, store) == []
    assert make(WANTED, stored, search, store) == [entry.digest for entry in stored.entries]
    (match,) = search.nearest(NewValue.of(memoryview(tuned(LAYERS[2], SPEC)), SPEC))
    assert match.digest == stored.by_name["w2"].digest


def test_no_more_is_read_than_is_new(store: LocalStore, search: SketchSearch, stored: Manifest) -> None:
    assert make(WANTED[:1], stored, search, store) == [stored.entries[0].digest]
    # The next file goes on from there.
    assert make(WANTED[:2], stored, search, store) == [entry.digest for entry in stored.entries[:3]]


@pytest.mark.parametrize("damage", [b"", b"damaged" * 10_000])
def test_values_that_cannot_be_read_have_none(
    store: LocalStore, search: SketchSearch, stored: Manifest, damage: bytes
) -> None:
    for oid in stored.oids():
        path = store.path(oid)
        path.unlink()
        if damage:
            path.write_bytes(damage)
    assert make(WANTED, stored, search, store) == []


def test_files_of_bytes_are_sketched_whatever_their_sizes(store: LocalStore, search: SketchSearch) -> None:
    file = b"unknown" + b"".join(trained(TensorSpec("F32", (1 << 19,)), seed) for seed in range(2))
    stored = clean(store, file)
    shorter = file[: len(file) // 2]
    for nbytes, missing in ((len(file) // 100, 1), (len(shorter), 0)):
        with ThreadPoolExecutor(2) as pool:
            wanted = [NewParameter("new", TensorSpec("U8", (nbytes,)))]
            made = make_missing_sketches(wanted, [stored], search, store, pool)
        assert made == list(stored.entries)[missing:]
        assert len(list(search.contents.without_sketch(stored.entries))) == missing
    (match,) = search.contents.nearest(content_sketch(memoryview(shorter)))
    assert match.digest == stored.entries[0].digest
