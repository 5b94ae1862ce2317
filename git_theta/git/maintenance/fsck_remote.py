"""Fsck of a remote: whether it has every object that versions need, asked by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from git_theta.encoding.readable import is_complete
from git_theta.errors import GitError
from git_theta.git.maintenance.fsck import Problem, unreadable
from git_theta.git.maintenance.fsck_plan import Location, find_locations
from git_theta.git.remote.remote_tables import table_tip
from git_theta.git.remote.remotes import connected, git_url_of, open_remote
from git_theta.git.repository.manifest_walk import ManifestBlob, history_manifests, object_sizes
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import is_source_table, read_table
from git_theta.store.remote import Remote, RemoteObject
from git_theta.store.transfer import remote_has


@dataclass(frozen=True, slots=True)
class RemoteReport:
    """The result of an fsck of a remote.

    Attributes:
        remote: The remote's name.
        url: Its URL.
        versions: Manifests that were looked at.
        objects: Objects that they need.
        missing: Needed objects that aren't at the remote.
        problems: The missing objects with a version that needs them, and manifests that can't be read.
    """

    remote: str
    url: str
    versions: int
    objects: int
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]


def fsck_remote(repository: Repository, name: str, revs: Iterable[str] = ()) -> RemoteReport:
    """Check that a remote has every object that versions need.

    Args:
        repository: The repository.
        name: The remote.
        revs: Check only their history; all refs, reflogs and the index when empty.

    Raises:
        ThetaError: The remote can't be reached.
    """
    revs = list(revs)
    store = repository.store
    every = history_manifests(repository.git, revs).values()
    versions = [each for each in every if not (each.manifest and is_source_table(each.manifest))]
    wanted = [
        RemoteObject(oid, store.size(oid) if size is None else size)
        for oid, size in sorted(object_sizes(versions).items())
    ]
    with connected(open_remote(repository, name, "download")) as remote:
        url, found = remote.url, remote_has(remote, wanted)
        absent = frozenset(each.oid for each in wanted if each.oid not in found)
        missing = sorted(absent and absent - _replaced_there(repository, name, remote, versions, absent))
    locations = find_locations(repository, {version.oid for version in versions}, revs)
    needed_by = {oid: v for v in reversed(versions) for oid in (v.manifest.oids() if v.manifest else ())}
    problems = [unreadable(v, locations.get(v.oid, Location())) for v in versions if not v.manifest]
    for oid in missing:
        location = locations.get(needed_by[oid].oid, Location())
        nor_here = "" if store.has(oid) else ", nor here"
        problems.append(Problem(f"object {oid} isn't at {name}{nor_here}", location.path, location.rev))
    return RemoteReport(name, url, len(versions), len(wanted), tuple(missing), tuple(problems))


def _replaced_there(
    repository: Repository,
    name: str,
    remote: Remote,
    versions: Iterable[ManifestBlob],
    absent: frozenset[str],
) -> frozenset[str]:
    """Objects, of some, whose values a remote has by alternative sources, with the table of them."""
    try:
        tip = table_tip(repository.git, git_url_of(repository, name, "download"))
    except GitError:
        tip = ""
    if not tip:
        return frozenset()
    sources = read_table(repository.git, tip).sources
    lacking = [
        (entry, oids)
        for version in versions
        if version.manifest
        for entry in version.manifest.all_entries()
        if (oids := {ref.oid for ref in entry.source.payloads()} & absent)
    ]
    refs = {
        ref.oid: ref
        for entry, _ in lacking
        if entry.digest in sources
        for ref in sources[entry.digest].payloads()
    }
    there = remote_has(remote, [RemoteObject(oid, ref.size) for oid, ref in sorted(refs.items())])
    lost = {
        oid
        for entry, oids in lacking
        if entry.digest not in sources or not is_complete(sources[entry.digest], there.__contains__)
        for oid in oids
    }
    return absent - lost
