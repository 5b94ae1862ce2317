"""Fsck of a remote: whether it has every object that versions need, asked by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from git_theta.git.maintenance.fsck import Problem, unreadable
from git_theta.git.maintenance.fsck_plan import Location, find_locations
from git_theta.git.remote.remotes import connected, open_remote
from git_theta.git.repository.manifest_walk import history_manifests, object_sizes
from git_theta.git.repository.repository import Repository
from git_theta.store.remote import RemoteObject
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
    versions = list(history_manifests(repository.git, revs).values())
    wanted = [
        RemoteObject(oid, store.size(oid) if size is None else size)
        for oid, size in sorted(object_sizes(versions).items())
    ]
    with connected(open_remote(repository, name, "download")) as remote:
        url, found = remote.url, remote_has(remote, wanted)
    missing = [each.oid for each in wanted if each.oid not in found]
    locations = find_locations(repository, {version.oid for version in versions}, revs)
    needed_by = {oid: v for v in reversed(versions) for oid in (v.manifest.oids() if v.manifest else ())}
    problems = [unreadable(v, locations.get(v.oid, Location())) for v in versions if not v.manifest]
    for oid in missing:
        location = locations.get(needed_by[oid].oid, Location())
        nor_here = "" if store.has(oid) else ", nor here"
        problems.append(Problem(f"object {oid} isn't at {name}{nor_here}", location.path, location.rev))
    return RemoteReport(name, url, len(versions), len(wanted), tuple(missing), tuple(problems))
