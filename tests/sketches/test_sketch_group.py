from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.model.tensor import TensorSpec
from git_theta.sketches import sketch_group
from git_theta.sketches.sketch import HEAD, sample_count
from git_theta.sketches.sketch_group import SketchGroup
from git_theta.store.sketch_cache import SketchCache, StoredSketch

SPEC = TensorSpec("F32", (64, 128))
NAMES = [f"{number:064}" for number in (3, 1, 2)]
KEYS = {name: np.arange(sample_count(SPEC), dtype=np.uint32) + at for at, name in enumerate(NAMES)}


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SketchCache]:
    with closing(SketchCache(tmp_path)) as opened:
        yield opened


def store(cache: SketchCache, *names: str) -> None:
    cache.add([StoredSketch(SPEC, name, KEYS[name].tobytes()) for name in names])


def contents(group: SketchGroup, cache: SketchCache) -> dict[str, NDArray[np.uint32]]:
    digests, keys = group.sketches(cache, list(range(len(group.digests))))
    return dict(zip(digests, keys, strict=True))


@pytest.mark.parametrize("most", [0, 2, 100])
def test_a_group_that_grew_is_the_one_that_is_read(
    cache: SketchCache, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(sketch_group, "_MAX_WHOLE", most)
    store(cache, *NAMES[:2])
    group = SketchGroup.load(cache, SPEC, 2)
    store(cache, NAMES[2])
    grown, read = group.extended({name: KEYS[name] for name in NAMES[1:]}), SketchGroup.load(cache, SPEC, 3)
    for each in (grown, read):
        assert list(each.digests) == NAMES
        assert each.places == {name: at for at, name in enumerate(NAMES)}
        assert np.array_equal(each.heads, np.stack([KEYS[name][:HEAD] for name in NAMES], 1))
        assert {name: keys.tolist() for name, keys in contents(each, cache).items()} == {
            name: keys.tolist() for name, keys in KEYS.items()
        }
        assert (each.whole is not None) == (most == 100)
    assert group.extended({NAMES[0]: KEYS[NAMES[0]]}) is group


def test_sketches_that_were_forgotten_meanwhile_are_left_out(
    cache: SketchCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sketch_group, "_MAX_WHOLE", 0)
    store(cache, *NAMES)
    group = SketchGroup.load(cache, SPEC, 3)
    cache.keep_only(NAMES[1:])
    assert contents(group, cache).keys() == set(NAMES[1:])


def test_a_group_may_be_empty(cache: SketchCache) -> None:
    group = SketchGroup.load(cache, SPEC, 0)
    assert group.heads.shape == (HEAD, 0)
    assert list(group.extended(KEYS).digests) == NAMES
