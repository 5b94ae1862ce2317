"""The plan of an fsck: which objects and values to check, found by reading manifests alone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from git_theta.encoding.readable import is_complete, readable
from git_theta.git.maintenance.manifest_index import ManifestIndex
from git_theta.git.maintenance.reachability import checked_out_objects
from git_theta.git.repository.manifest_walk import (
    ManifestBlob,
    commit_blobs,
    history_manifests,
    index_manifests,
    object_sizes,
    remote_manifests,
)
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import is_source_table, read_table
from git_theta.model.manifest import Entry


@dataclass(frozen=True, slots=True)
class Location:
    """A place of a manifest.

    Attributes:
        path: The file, from the top of the work tree; empty if unknown.
        rev: A commit that has it; empty if only the index does, or if it's unreachable.
    """

    path: str = ""
    rev: str = ""


@dataclass(frozen=True, slots=True)
class FsckPlan:
    """The scope of an fsck.

    Attributes:
        versions: Manifests.
        values: Distinct values, each with a version that has it; by an alternative source if objects of the
            own one are missing.
        spare: Alternative sources that are here.
        incomplete: The number of alternative sources that lack objects here.
        replaced: The number of values that only an alternative source gives.
        objects: Objects in the store, with their sizes in bytes.
        named: Objects that the versions need, with their sizes in bytes where they're known.
        missing: Needed objects that aren't here but should be.
        elsewhere: Needed objects that may be at a remote alone.
        locations: Locations of manifests, by blob id.
    """

    versions: tuple[ManifestBlob, ...]
    values: tuple[tuple[Entry, ManifestBlob], ...]
    spare: tuple[Entry, ...]
    incomplete: int
    replaced: int
    objects: tuple[tuple[str, int], ...]
    named: Mapping[str, int | None]
    missing: frozenset[str]
    elsewhere: frozenset[str]
    locations: Mapping[str, Location]

    @property
    def nbytes(self) -> int:
        """Bytes to read and to decode."""
        entries = (*(entry for entry, _ in self.values), *self.spare)
        return sum(size for _, size in self.objects) + sum(entry.spec.nbytes for entry in entries)

    def location(self, version: ManifestBlob) -> Location:
        """The location of a manifest; an unreachable one has none."""
        return self.locations.get(version.oid, Location())


def plan_fsck(repository: Repository, revs: Iterable[str] = ()) -> FsckPlan:
    """Find what is to be checked.

    Args:
        repository: The repository.
        revs: Check only their history; all refs, reflogs and the index when empty.
    """
    revs = list(revs)
    store = repository.store
    every = tuple(history_manifests(repository.git, revs).values())
    versions = tuple(each for each in every if not (each.manifest and is_source_table(each.manifest)))
    absent = frozenset(oid for oid in object_sizes(versions) if not store.has(oid))
    elsewhere = _elsewhere(repository, absent) if absent else frozenset()
    values: dict[tuple[str, str], tuple[Entry, ManifestBlob]] = {}
    missing: set[str] = set()
    replaced: set[str] = set()
    for version in versions:
        for entry in version.manifest.all_entries() if version.manifest else ():
            if needs_any(entry, absent):
                other = readable(entry, store)
                if other:
                    replaced.add(entry.digest)
                    values.setdefault((other.digest, str(other.source)), (other, version))
                    continue
                missing.update(ref.oid for ref in entry.source.payloads() if ref.oid in absent)
            if not needs_any(entry, elsewhere):
                values.setdefault((entry.digest, str(entry.source)), (entry, version))
    table = read_table(repository.git).entries.values()
    others = [entry for entry in table if (entry.digest, str(entry.source)) not in values]
    spare = tuple(entry for entry in others if is_complete(entry.source, store.has))
    return FsckPlan(
        versions=versions,
        values=tuple(values.values()),
        spare=spare,
        incomplete=len(others) - len(spare),
        replaced=len(replaced),
        objects=tuple(store.list()),
        named=object_sizes(every),
        missing=frozenset(missing - elsewhere),
        elsewhere=elsewhere,
        locations=find_locations(repository, {version.oid for version in versions}, revs),
    )


def needs_any(entry: Entry, oids: frozenset[str]) -> bool:
    """Whether the value of an entry needs one of some objects."""
    return bool(oids) and any(ref.oid in oids for ref in entry.source.payloads())


def find_locations(
    repository: Repository, manifests: Container[str], revs: list[str]
) -> Mapping[str, Location]:
    """Locations of manifests, by blob id, in the history of some revisions, or everywhere."""
    found: dict[str, Location] = {}
    if not revs:
        found = {version.oid: Location(version.path) for version in index_manifests(repository.git)}
    for commit in commit_blobs(repository.git, manifests, revs):
        for path, oid in commit.blobs:
            if oid not in found or not found[oid].rev:
                found[oid] = Location(path, commit.oid)
    return found


def _elsewhere(repository: Repository, absent: frozenset[str]) -> frozenset[str]:
    """The absent objects that may be at a remote alone.

    Pushed versions need them, and no file in a work tree was written from them.
    """
    sent = absent & object_sizes(remote_manifests(repository.git).values()).keys()
    if repository.settings.lazy or not sent:
        return sent
    manifests = ManifestIndex(repository.git)
    manifests.refresh()
    return sent - checked_out_objects(manifests, repository.common_dir)
