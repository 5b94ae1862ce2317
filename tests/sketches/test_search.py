from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from git_theta.model.digest import digest
from git_theta.model.tensor import TensorSpec
from git_theta.sketches.search import SketchSearch
from git_theta.sketches.sketch import Sketch, sketch
from git_theta.store.sketch_cache import FILE_NAME, SketchCache
from tests.helpers.weights import moved, trained, tuned

SPEC = TensorSpec("F32", (64, 128))
MODEL = [trained(SPEC, seed) for seed in range(200)]


@pytest.fixture
def search(tmp_path: Path) -> Iterator[SketchSearch]:
    with closing(SketchSearch(SketchCache(tmp_path))) as opened:
        yield opened


def sketched(value: bytes, spec: TensorSpec = SPEC) -> Sketch:
    found = sketch(memoryview(value), spec)
    assert found is not None
    return found


def add(search: SketchSearch, *values: bytes) -> None:
    search.add({digest(value): sketched(value) for value in values})


def nearest(search: SketchSearch, value: bytes) -> list[str]:
    return [match.digest for match in search.nearest(sketched(value))]


def test_the_closest_value_comes_first(search: SketchSearch) -> None:
    near, far = tuned(MODEL[7], SPEC, 1e-5), tuned(MODEL[7], SPEC, 1e-3, seed=3)
    add(search, *MODEL, far, near)
    assert nearest(search, tuned(near, SPEC, 1e-7)) == [digest(value) for value in (near, MODEL[7], far)]


def test_unrelated_values_are_left_out(search: SketchSearch) -> None:
    add(search, *MODEL)
    assert [nearest(search, trained(SPEC, 1000 + seed)) for seed in range(20)] == [[]] * 20


def test_values_of_other_types_are_left_out(search: SketchSearch) -> None:
    add(search, MODEL[0])
    spec = TensorSpec("F32", (128, 64))
    assert search.nearest(sketched(MODEL[0], spec)) == []


def test_where_nothing_varies_nothing_is_found(search: SketchSearch) -> None:
    zeros = bytes(SPEC.nbytes)
    add(search, zeros)
    assert nearest(search, moved(zeros, SPEC, np.full(SPEC.count, 1e-9))) == []


def test_equally_close_values_are_in_the_order_of_their_digests(search: SketchSearch) -> None:
    # The elements that differ aren't in the sketch.
    variants = []
    for at in range(300):
        moves = np.zeros(SPEC.count)
        moves[at] = 0.01
        variants.append(moved(MODEL[0], SPEC, moves))
    same = [each for each in variants if np.array_equal(sketched(each).keys, sketched(MODEL[0]).keys)]
    add(search, *same)
    found = nearest(search, MODEL[0])
    assert found == sorted(digest(value) for value in same)[: len(found)]
    assert len(found) >= 32


def test_another_process_finds_the_same(search: SketchSearch, tmp_path: Path) -> None:
    child = tuned(MODEL[3], SPEC)
    assert nearest(search, child) == []
    add(search, *MODEL)
    with closing(SketchSearch(SketchCache(tmp_path))) as other:
        assert search.nearest(sketched(child)) == other.nearest(sketched(child)) != []


def test_certain_values_are_compared(search: SketchSearch) -> None:
    add(search, *MODEL)
    child, parent, stranger = tuned(MODEL[3], SPEC), digest(MODEL[3]), digest(MODEL[4])
    bits = search.compare(sketched(child), [parent, stranger, "0" * 64])
    assert bits.keys() == {parent, stranger}
    assert bits[parent] < 0.8 * bits[stranger]


def test_without_a_writable_folder_nothing_is_found(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with closing(SketchSearch(SketchCache(tmp_path))) as search:
        add(search, MODEL[0])
        assert nearest(search, MODEL[0]) == []
