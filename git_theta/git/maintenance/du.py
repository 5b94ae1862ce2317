"""Du: the bytes that a repository's objects take, by file and by revision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add

from git_theta.encoding.readable import as_readable
from git_theta.git.maintenance.manifest_index import ManifestIndex
from git_theta.git.maintenance.replaced import ReplacedObjects
from git_theta.git.repository.manifest_walk import (
    CommitBlobs,
    commit_blobs,
    history_manifests,
    index_manifests,
)
from git_theta.git.repository.models import group_models
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import is_source_table, read_table
from git_theta.model.manifest import Manifest, ObjectRef
from git_theta.model.sizes import payload_bytes
from git_theta.sharding.numbered import model_name


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one file or one revision.

    Attributes:
        name: The path, or the commit's id; empty for the index.
        subject: The commit's subject.
        versions: The number of checkpoints' versions that it added.
        size: Bytes of those files.
        stored: Bytes of objects that no earlier revision needed.
    """

    name: str
    subject: str
    versions: int
    size: int
    stored: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of a repository's objects.

    Attributes:
        files: By path of a model, or of a file, the costliest first.
        revisions: By commit, the oldest first; the index comes last.
        size: Bytes of all versions, each as a whole file.
        stored: Bytes of objects that they need.
        store: Bytes of all objects in the store.
        borrowed: Bytes of needed objects that only another repository on this machine has.
        unreferenced: Bytes of objects that no version names.
        alternatives: Bytes of objects that only alternative sources need.
        replaced: Bytes of objects here that no value needs, as there are alternative sources.
    """

    files: tuple[Cost, ...]
    revisions: tuple[Cost, ...]
    size: int
    stored: int
    store: int
    borrowed: int
    unreferenced: int
    alternatives: int
    replaced: int


def usage(repository: Repository, revs: Iterable[str] = (), *, by_file: bool = False) -> Usage:
    """Add up the versions of each commit, from the oldest on, and then of the index.

    Args:
        repository: The repository.
        revs: Only the history of these; all refs and the index when empty.
        by_file: Whether each shard of a model has its own cost, rather than the model one.
    """
    revs = list(revs)
    manifests = {
        oid: version.manifest
        for oid, version in history_manifests(repository.git, revs).items()
        if version.manifest is not None and not is_source_table(version.manifest)
    }
    steps = commit_blobs(repository.git, manifests, revs)
    if not revs:
        staged = tuple((version.path, version.oid) for version in index_manifests(repository.git))
        steps.append(CommitBlobs("", "(index)", staged))
    counted = _Counted(repository)
    by_path: dict[str, list[int]] = {}
    revisions = []
    for step in steps:
        versions = size = stored = 0
        for path, oid in step.blobs:
            manifest = manifests.get(oid)
            if manifest is None or oid in counted.blobs:
                continue
            new = counted.add(oid, manifest)
            versions, size, stored = versions + 1, size + manifest.size, stored + new
            totals = by_path.setdefault(path, [0, 0, 0])
            for index, amount in enumerate((1, manifest.size, new)):
                totals[index] += amount
        if versions:
            revisions.append(Cost(step.oid, step.subject, versions, size, stored))
    if not by_file:
        by_path = _by_model(repository, by_path, revs)
    files = (Cost(path, "", *totals) for path, totals in by_path.items())
    objects = dict(repository.store.list())
    named = {oid for manifest in manifests.values() for oid in manifest.oids()}
    table = read_table(repository.git).entries.values()
    spare = {ref.oid for entry in table for ref in entry.source.payloads()} - named
    return Usage(
        files=tuple(sorted(files, key=lambda cost: -cost.stored)),
        revisions=tuple(revisions),
        size=sum(cost.size for cost in revisions),
        stored=sum(cost.stored for cost in revisions),
        store=sum(objects.values()),
        borrowed=sum(repository.store.size(oid) or 0 for oid in named - objects.keys()),
        unreferenced=sum(size for oid, size in objects.items() if oid not in named and oid not in spare),
        alternatives=sum(objects.get(oid, 0) for oid in spare),
        replaced=_replaced_bytes(repository, objects),
    )


def _by_model(
    repository: Repository, by_path: Mapping[str, Sequence[int]], revs: Sequence[str]
) -> dict[str, list[int]]:
    """Totals of models, for those of their files.

    Shards are told by their names; and by the indexes of the revisions, or else of Git's index.
    """
    names = {path: model_name(path) for path in by_path}
    for rev in revs or (None,):
        for model in group_models(repository.git, by_path, rev):
            names |= dict.fromkeys(model.files, model.name) if model.index else {}
    found: dict[str, list[int]] = {}
    for path, totals in by_path.items():
        sums = found.setdefault(names[path], [0] * len(totals))
        sums[:] = map(add, sums, totals)
    return found


def _replaced_bytes(repository: Repository, objects: Mapping[str, int]) -> int:
    """Bytes of the objects that alternative sources replace, though these aren't decoded here."""
    if not repository.store.alternatives:
        return 0
    manifests = ManifestIndex(repository.git)
    manifests.refresh()
    return sum(objects.get(oid, 0) for oid in ReplacedObjects(repository).expected(manifests))


class _Counted:
    """Payloads and manifests that were counted already."""

    def __init__(self, repository: Repository) -> None:
        self.blobs: set[str] = set()
        self._payloads: set[ObjectRef] = set()
        self._store = repository.store

    def add(self, oid: str, manifest: Manifest) -> int:
        """Count a version; returns the bytes of its payloads that weren't counted before."""
        self.blobs.add(oid)
        entries = as_readable(manifest.all_entries(), self._store)
        refs = {ref for entry in entries for ref in entry.source.payloads()}
        new = refs - self._payloads
        self._payloads |= new
        return payload_bytes(new, self._store.size)
