from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec
from git_theta.sketches.query import NewValue
from git_theta.sketches.search import SketchSearch
from git_theta.sketches.sketch import Sketch, sketch
from git_theta.store.sketch_cache import FILE_NAME, SketchCache
from git_theta.updates.rounding import round_to, widen
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


def entry(key: str, spec: TensorSpec = SPEC) -> Entry:
    return Entry("w", spec, key, Source("dense", None))


def nearest(search: SketchSearch, value: bytes) -> list[str]:
    return [match.digest for match in search.nearest(NewValue.of(memoryview(value), SPEC))]


def test_the_closest_value_comes_first(search: SketchSearch) -> None:
    near, far = tuned(MODEL[7], SPEC, 1e-5), tuned(MODEL[7], SPEC, 1e-3, seed=3)
    add(search, *MODEL, far, near)
    assert nearest(search, tuned(near, SPEC, 1e-7)) == [digest(value) for value in (near, MODEL[7], far)]


def test_unrelated_values_are_left_out(search: SketchSearch) -> None:
    add(search, *MODEL)
    assert [nearest(search, trained(SPEC, 1000 + seed)) for seed in range(20)] == [[]] * 20


def test_values_of_other_elements_are_left_out(search: SketchSearch) -> None:
    add(search, MODEL[0])
    for spec in (TensorSpec("I32", (64, 128)), TensorSpec("C64", (64, 64)), TensorSpec("F32", (127, 64))):
        assert search.nearest(NewValue.of(memoryview(MODEL[0])[: spec.nbytes], spec)) == []


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
    assert found == sorted(digest(value) for value in same[: len(found)])
    assert len(same) > len(found) >= 32


def test_another_process_finds_the_same(search: SketchSearch, tmp_path: Path) -> None:
    child = tuned(MODEL[3], SPEC)
    assert nearest(search, child) == []
    add(search, *MODEL)
    with closing(SketchSearch(SketchCache(tmp_path))) as other:
        new = NewValue.of(memoryview(child), SPEC)
        assert search.nearest(new) == other.nearest(new) != []


def test_certain_values_are_compared(search: SketchSearch) -> None:
    add(search, *MODEL)
    child, parent, stranger = tuned(MODEL[3], SPEC), digest(MODEL[3]), digest(MODEL[4])
    bits = search.compare(NewValue.of(memoryview(child), SPEC), map(entry, (parent, stranger, "0" * 64)))
    assert bits.keys() == {parent, stranger}
    assert bits[parent] < 0.8 * bits[stranger]


def test_without_a_writable_folder_nothing_is_found(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with closing(SketchSearch(SketchCache(tmp_path))) as search:
        add(search, MODEL[0])
        assert nearest(search, MODEL[0]) == []


def array(seed: int, *shape: int) -> NDArray[np.float32]:
    spec = TensorSpec("F32", shape)
    return np.frombuffer(trained(spec, seed), "<f4").reshape(shape)


def add_arrays(search: SketchSearch, *arrays: NDArray[np.float32]) -> list[str]:
    """Their digests."""
    found = {digest(each.tobytes()): sketched(each.tobytes(), spec_of(each)) for each in arrays}
    search.add(found)
    return list(found)


def spec_of(each: NDArray[np.float32]) -> TensorSpec:
    return TensorSpec("F32", each.shape)


def other_forms(search: SketchSearch, new: NDArray[np.float32]) -> list[str]:
    new = np.ascontiguousarray(new) + np.random.default_rng(9).standard_normal(new.shape).astype("f4") * 1e-4
    return [
        match.digest for match in search.other_forms(NewValue.of(memoryview(new.tobytes()), spec_of(new)))
    ]


@pytest.mark.parametrize("dtype", ["BF16", "F16"])
def test_casts_are_near(search: SketchSearch, dtype: str) -> None:
    add(search, *MODEL)
    narrow = TensorSpec(dtype, SPEC.shape)
    rounded = round_to(widen(np.frombuffer(MODEL[7], "<u4"), "F32"), dtype).tobytes()
    (match,) = search.nearest(NewValue.of(memoryview(tuned(rounded, narrow, 1e-5)), narrow))
    assert match.digest == digest(MODEL[7])
    search.add({digest(rounded): sketched(rounded, narrow)})
    child = tuned(MODEL[7], SPEC, 1e-5)
    assert nearest(search, child) == [digest(MODEL[7]), digest(rounded)]
    bits = search.compare(NewValue.of(memoryview(child), SPEC), [entry(digest(rounded), narrow)])
    assert bits[digest(rounded)] > 10


def test_reshaped_values_are_near(search: SketchSearch) -> None:
    add(search, *MODEL)
    child = tuned(MODEL[7], SPEC)
    for shape in ((8192,), (128, 64), (2, 32, 128)):
        found = search.nearest(NewValue.of(memoryview(child), TensorSpec("F32", shape)))
        assert [match.digest for match in found] == [digest(MODEL[7])]


def test_parts_of_a_fused_matrix_come_in_their_order(search: SketchSearch) -> None:
    layers = [array(seed, 64, 64) for seed in range(40)]
    names = add_arrays(search, *layers)
    assert other_forms(search, np.concatenate(layers[3:6])) == names[3:6]
    assert other_forms(search, np.concatenate(layers[3:6], 1)) == names[3:6]
    assert other_forms(search, np.stack(layers[8:16])) == names[8:16]
    assert other_forms(search, layers[9].T) == [names[9]]
    assert other_forms(search, np.concatenate([layers[1], array(99, 64, 64), layers[2]])) == [
        names[1],
        names[2],
    ]
    assert other_forms(search, array(98, 192, 64)) == []


def test_the_larger_matrix_is_found_for_its_parts(search: SketchSearch) -> None:
    parts = [array(seed, 64, 64) for seed in range(3)]
    strangers = [array(50 + seed, 192, 64) for seed in range(40)]
    *_, fused = add_arrays(search, *strangers, np.concatenate(parts))
    assert [other_forms(search, part) for part in parts] == [[fused]] * 3


def test_one_value_of_all_elements_is_better_than_some_parts(search: SketchSearch) -> None:
    base = array(1, 128, 64)
    part, whole = add_arrays(search, base[:64], base.T)
    assert other_forms(search, base) == [whole]
    assert part != whole
