"""Replaced objects: those that no value needs any more, since alternative sources give the same values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from git_theta.encoding.readable import is_complete
from git_theta.git.maintenance.manifest_index import ManifestIndex
from git_theta.git.maintenance.stored_manifests import StoredManifests
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import read_table
from git_theta.model.manifest import Entry, Source
from git_theta.replanning.new_sources import verified
from git_theta.runtime.progress import progress


@dataclass(frozen=True, slots=True)
class _Needs:
    """Objects that values need.

    Attributes:
        kept: Objects that stay: those of alternative sources, of values without one, and pinned ones.
        by_entry: Objects of own sources by the entry that gives the value instead.
    """

    kept: frozenset[str]
    by_entry: dict[Entry, frozenset[str]]

    @property
    def replaced(self) -> frozenset[str]:
        """Objects that only values with an alternative source need."""
        return frozenset().union(*self.by_entry.values()) - self.kept


@dataclass(frozen=True, slots=True)
class ReplacedObjects:
    """Finds the objects that alternative sources replace.

    An object is replaced if each value of each manifest in Git's database that needs it has an alternative
    source whose objects are all here, which was decoded and had the value's digest, and which doesn't need
    the object. Circles are no danger, since every object of such a source is kept.

    Attributes:
        repository: The repository.
    """

    repository: Repository
    _verified: set[Entry] = field(default_factory=set)

    def find(self, manifests: ManifestIndex) -> frozenset[str]:
        """Names of the replaced objects.

        Args:
            manifests: The index of the repository's manifests, refreshed.

        Raises:
            ThetaError: History can't be read.
        """
        if not self.repository.store.alternatives:
            return frozenset()
        alternatives = read_table(self.repository.git).sources
        refused: set[str] = set()
        while True:
            trusted = {digest: each for digest, each in alternatives.items() if digest not in refused}
            needs = self._needs(manifests, trusted)
            replaced = needs.replaced
            # A source that replaces nothing needn't be decoded.
            used = [entry for entry, oids in needs.by_entry.items() if oids & replaced]
            failed = self._failed(used)
            if not failed:
                return replaced
            refused |= failed

    def expected(self, manifests: ManifestIndex) -> frozenset[str]:
        """Names of the objects that are replaced if every alternative source gives its value.

        Args:
            manifests: See `find`.
        """
        return self._needs(manifests, read_table(self.repository.git).sources).replaced

    def _failed(self, entries: Iterable[Entry]) -> set[str]:
        """Digests of values that alternative sources don't give, though their objects are here."""
        unknown = [entry for entry in entries if entry not in self._verified]
        store, threads = self.repository.store.alone, self.repository.settings.thread_count
        with progress("checking values", sum(entry.spec.nbytes for entry in unknown)) as advance:
            self._verified.update(verified(unknown, store, threads, advance))
        return {entry.digest for entry in unknown if entry not in self._verified}

    def _needs(self, manifests: ManifestIndex, alternatives: dict[str, Source]) -> _Needs:
        keeps = cache(self.repository.store.keeps)
        stored = StoredManifests(manifests, self.repository.common_dir)
        own: dict[Entry, set[str]] = {}
        kept: set[str] = set()
        for manifest in stored:
            for entry in manifest.all_entries():
                oids = {ref.oid for ref in entry.source.payloads()}
                other = alternatives.get(entry.digest)
                if other is None or not is_complete(other, keeps):
                    kept |= oids
                elif other != entry.source:
                    own.setdefault(Entry(entry.digest, entry.spec, entry.digest, other), set()).update(oids)
                if other is not None:
                    # Also of a source that lacks others: they may come.
                    kept.update(ref.oid for ref in other.payloads())
        by_entry = {entry: frozenset(oids) for entry, oids in own.items()}
        return _Needs(frozenset(kept | stored.pinned), by_entry)
