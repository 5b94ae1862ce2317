from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Lock

import numpy as np
import pytest

from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec
from git_theta.sketches.content import ContentSketch
from git_theta.sketches.content_search import MAX_RATIO, ContentSearch
from git_theta.store.sketch_cache import SketchCache

NONE = np.empty(0, np.uint64)


def hashes(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array(numbers, np.uint64)


def digest(number: int) -> str:
    return f"{number:064x}"


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SketchCache]:
    with closing(SketchCache(tmp_path / "theta")) as opened:
        yield opened


@pytest.fixture
def search(cache: SketchCache) -> ContentSearch:
    return ContentSearch(cache, Lock())


def found(search: ContentSearch, new: ContentSketch) -> list[str]:
    return [match.digest for match in search.nearest(new)]


def test_values_with_most_in_common_come_first(search: ContentSearch) -> None:
    new = ContentSketch(9000, hashes(*range(10)), hashes(*range(20, 30)))
    assert found(search, new) == []
    search.add(
        {
            digest(1): ContentSketch(9000, hashes(*range(2, 12)), NONE),
            digest(2): ContentSketch(9000, hashes(*range(1, 11)), NONE),
            digest(3): ContentSketch(9000, NONE, hashes(*range(20, 30))),
            digest(4): ContentSketch(9000, hashes(*range(50, 60)), NONE),
            digest(5): ContentSketch(9000 * MAX_RATIO + 1, hashes(*range(10)), NONE),
        }
    )
    assert found(search, new) == [digest(2), digest(1), digest(3)]
    assert search.saving(new, [digest(1), digest(4)]) == 0.8
    assert search.saving(new, []) == 0


def test_of_equally_near_ones_that_of_the_nearest_size_is_first(search: ContentSearch) -> None:
    shared = hashes(*range(10))
    search.add({digest(n): ContentSketch(9000 + abs(n - 7), shared, NONE) for n in range(9)})
    assert found(search, ContentSketch(9000, shared, NONE))[:3] == [digest(7), digest(6), digest(8)]


def test_sketches_are_kept(search: ContentSearch, cache: SketchCache) -> None:
    new = ContentSketch(9000, hashes(*range(10)), NONE)
    search.add({digest(1): new})
    assert found(ContentSearch(cache, Lock()), new) == [digest(1)]
    cache.keep_only([])
    search.forget_loaded()
    assert found(search, new) == []


def test_values_without_a_sketch_are_told(search: ContentSearch) -> None:
    spec = TensorSpec("U8", (9000,))
    search.add({digest(1): ContentSketch(9000, hashes(1), NONE)})
    entries = [Entry("", spec, digest(n), Source("dense", None)) for n in (1, 2)]
    small = Entry("", TensorSpec("U8", (10,)), digest(3), Source("dense", None))
    assert [entry.digest for entry in search.without_sketch([*entries, small])] == [digest(2)]
