"""Sketches of values whose objects were pruned: these can't be bases any more."""

from __future__ import annotations

from contextlib import closing
from functools import cache

from git_theta.encoding.readable import is_complete
from git_theta.git.repository.repository import Repository
from git_theta.store.sketch_cache import SketchCache


def forget_unused_sketches(repository: Repository) -> None:
    """Forget the sketches of values that can't be read here."""
    # Many values share an object.
    has = cache(repository.store.has)
    with closing(SketchCache(repository.store.root)) as sketches, closing(repository.cache()) as sources:

        def is_readable(digest: str) -> bool:
            source = sources.source(digest)
            if source and is_complete(source, has):
                return True
            other = repository.store.alternatives.get(digest)
            return other is not None and is_complete(other, has)

        sketches.keep_only(filter(is_readable, sketches.digests()))
