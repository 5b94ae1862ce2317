"""Files whose manifest is known without reading them, and values that are stored already."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from threading import Lock
from typing import TYPE_CHECKING

from git_theta.encoding.readable import is_complete, missing_values
from git_theta.store.cache import COARSE_TICK, seconds_until_known

if TYPE_CHECKING:
    from git_theta.git.plumbing.work_file import WorkFile
    from git_theta.git.repository.repository import Repository
    from git_theta.model.manifest import Entry, Manifest, Source
    from git_theta.sketches.search import SketchSearch

#: How many of this process's manifests are kept as candidates that a new file may be an update of.
_RECENT = 8


class KnownFiles:
    """The repository's cache of files and values, and the last manifests of this process.

    Any number of threads may use it. After `close` it may be used again.

    Args:
        repository: The repository whose cache and store these are.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._cache = repository.cache()
        self._cache_lock = Lock()
        self._recent: deque[Manifest] = deque(maxlen=_RECENT)

    def manifest(self, file: WorkFile | None) -> Manifest | None:
        """The manifest of a file that was read before and hasn't changed since; `None` if it isn't known."""
        if file is None:
            return None
        with self._cache_lock:
            found = self._cache.manifest(file.status)
        if not found:
            return None
        # Until the manifest is added, nothing in Git may name these objects: a claim keeps `prune` from
        # taking them for old ones.
        store = self._repository.store
        claimed = {oid: store.claim(oid) for oid in found.oids()}
        if all(claimed.values()) or self._repository.settings.lazy:
            return found
        return None if missing_values(found, store, cache(store.claim)) else found

    def sources(self, digests: Iterable[str]) -> dict[str, Source]:
        """The sources of values that were stored before, by digest; unknown ones are left out."""
        with self._cache_lock:
            found = self._cache.sources(digests)
        store = self._repository.store
        if store.alternatives:
            has = cache(store.has)
            for digest, source in found.items():
                if not is_complete(source, has):
                    found[digest] = store.alternatives.get(digest) or source
        return found

    def source(self, digest: str) -> Source | None:
        """The source of a value that was stored before; `None` if there's none."""
        return self.sources((digest,)).get(digest)

    @cached_property
    def search(self) -> SketchSearch:
        """The search for stored values that a new one resembles."""
        from git_theta.sketches.search import SketchSearch
        from git_theta.store.sketch_cache import SketchCache

        return SketchSearch(SketchCache(self._repository.store.root))

    def recent(self) -> list[Manifest]:
        """The last manifests of this process, newest first."""
        return list(reversed(self._recent))

    def remember(self, manifest: Manifest, status: os.stat_result | None = None) -> None:
        """Note how values are stored, and which file they are.

        Args:
            manifest: The manifest with the values' sources.
            status: The stat of its file, taken before the file was read or written, and equal after;
                `None` if there's no such file in the work tree.
        """
        self._recent.append(manifest)
        with self._cache_lock:
            self._cache.remember(manifest, status)

    def learn(self, entries: Iterable[Entry]) -> None:
        """Note how values are stored that came from elsewhere."""
        with self._cache_lock:
            self._cache.add_sources(entries)

    def remember_written(self, files: Sequence[tuple[Manifest, os.stat_result]]) -> None:
        """Note files that were just written, as soon as a later change would give them another time stamp.

        Args:
            files: The manifest of each file, and its stat when it was complete.
        """
        pauses = [seconds_until_known(status) for _manifest, status in files]
        # A time further in the future isn't waited for.
        time.sleep(max((pause for pause in pauses if pause * 1e9 <= COARSE_TICK), default=0))
        for manifest, status in files:
            self.remember(manifest, status)

    def close(self) -> None:
        """Write the cache to disk and close it."""
        with self._cache_lock:
            self._cache.close()
        if "search" in vars(self):
            self.search.close()
        if "store" in vars(self._repository):
            self._repository.store.claims.release()
