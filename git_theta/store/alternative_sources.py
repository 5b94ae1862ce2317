"""Alternative sources: other ways to values, by the values' digests, read once an object is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock

from git_theta.model.manifest import Source


class AlternativeSources:
    """Other sources than those of manifests, by the digest of the value. Any number of threads may use them.

    Nothing guarantees that they give the value: as with every source, its digest is compared.

    Args:
        exist: Tells quickly whether there may be any.
        load: Reads them all; called when the first one is asked for.
    """

    def __init__(
        self,
        exist: Callable[[], bool] = lambda: False,
        load: Callable[[], Mapping[str, Source]] = dict,
    ) -> None:
        self._exist = exist
        self._load = load
        self._lock = Lock()
        self._are_there: bool | None = None
        self._sources: Mapping[str, Source] | None = None

    def __bool__(self) -> bool:
        """Whether there may be any; costs a look for a file, once."""
        if self._are_there is None:
            self._are_there = self._exist()
        return self._are_there

    def get(self, digest: str) -> Source | None:
        """The alternative source of a value; `None` if there's none."""
        with self._lock:
            if self._sources is None:
                self._sources = self._load() if self else {}
            return self._sources.get(digest)

    def forget(self) -> None:
        """Read them again when the next one is asked for."""
        with self._lock:
            self._are_there = self._sources = None
