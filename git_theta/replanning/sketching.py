"""Sketches of known values: kept ones, and those that are made of the values themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from git_theta.encoding.decode import read_value
from git_theta.errors import ThetaError
from git_theta.replanning.known_value import KnownValue
from git_theta.runtime.threads import run_grouped
from git_theta.sketches.sketch import SampleTaker, sample_count
from git_theta.store.base import Store
from git_theta.store.sketch_cache import SketchCache, StoredSketch

if TYPE_CHECKING:
    from git_theta.sketches.sketch import Keys


def sketch_values(
    values: Iterable[KnownValue],
    cache: SketchCache,
    store: Store,
    pool: ThreadPoolExecutor,
    progress: Callable[[int], object],
) -> dict[str, Keys]:
    """Sketches of values by digest; those that can't be read have none.

    Args:
        values: Values of one dtype and number of elements.
        cache: Kept sketches; new ones are added.
        store: Where the objects of the values are.
        pool: Threads that read values.
        progress: Called with the bytes of each value.
    """

    def made(value: KnownValue) -> StoredSketch | None:
        progress(value.spec.nbytes)
        samples = SampleTaker(value.spec.as_bytes)
        try:
            for piece in read_value(value.entry(), store):
                samples.take(piece)
        except ThetaError:
            return None
        keys = samples.sketch().keys.astype("<u4").tobytes()
        return StoredSketch(value.spec.as_bytes, value.digest, keys)

    found: dict[str, bytes] = {}
    missing = []
    for value in values:
        words = value.spec.as_bytes
        kept = cache.keys(words, [value.digest], sample_count(words))
        if kept:
            found |= kept
            progress(value.spec.nbytes)
        else:
            missing.append(value)
    new = [each for each in run_grouped(pool, made, missing, lambda value: value.spec.nbytes) if each]
    cache.add(new)
    found |= {each.digest: each.keys for each in new}
    return {digest: np.frombuffer(keys, "<u4").astype(np.uint32) for digest, keys in found.items()}
