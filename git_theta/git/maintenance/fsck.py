"""Check a repository: every object against its name, every value of every version against its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from git_theta.encoding.decode import read_value
from git_theta.errors import CorruptError, ThetaError
from git_theta.git.maintenance.reachability import Manifests, in_use
from git_theta.git.remote.remotes import connected, open_remote
from git_theta.git.repository.manifest_walk import Version, commits, everywhere, in_index, objects_of, pushed
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry
from git_theta.runtime.threads import run_all
from git_theta.smudge import Smudger
from git_theta.store.base import missing_object
from git_theta.store.remote import RemoteObject
from git_theta.store.transfer import remote_has

#: Parameters that are named for an object that's missing.
_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong.

    Attributes:
        message: What, with parameter and object.
        path: The file that it concerns; empty if unknown.
        rev: A commit that has it; empty if it's only in the index or unreferenced.
    """

    message: str
    path: str = ""
    rev: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check.

    Attributes:
        versions: Manifests that were looked at.
        values: Distinct values that were decoded.
        objects: Objects in the store.
        unreferenced: Objects that nothing names any more.
        elsewhere: Objects that only pushed versions need and that aren't here, so they weren't checked.
        swept: Leftover temporary files that were removed.
        damaged: Objects whose bytes aren't what their name says.
        missing: Objects that aren't here but should be.
        problems: What is wrong.
    """

    versions: int
    values: int
    objects: int
    unreferenced: int
    elsewhere: int
    swept: int
    damaged: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to check.

    Attributes:
        versions: Manifests.
        values: Distinct values, each with a version that has it.
        objects: Objects in the store, with their sizes.
        named: Objects that the versions need, with their sizes where they're known.
        missing: Those of them that aren't here but should be.
        elsewhere: Those of them that needn't be here.
        places: Path and commit of manifests.
    """

    versions: tuple[Version, ...]
    values: tuple[tuple[Entry, Version], ...]
    objects: tuple[tuple[str, int], ...]
    named: Mapping[str, int | None]
    missing: frozenset[str]
    elsewhere: frozenset[str]
    places: dict[str, tuple[str, str]]

    @property
    def nbytes(self) -> int:
        """Bytes to read and to decode."""
        return sum(size for _, size in self.objects) + sum(e.spec.nbytes for e, _ in self.values)


@dataclass(frozen=True, slots=True)
class RemoteReport:
    """What a remote has of what versions need.

    Attributes:
        remote: The remote's name.
        url: Where it is.
        versions: Manifests that were looked at.
        objects: Objects that they need.
        missing: Those of them that aren't there.
        problems: The same with who needs them, and manifests that can't be read.
    """

    remote: str
    url: str
    versions: int
    objects: int
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]


def plan(repository: Repository, revs: Iterable[str] = ()) -> Plan:
    """Find what is to be checked, reading only manifests."""
    revs = list(revs)
    versions = tuple(everywhere(repository.git, revs).values())
    named = objects_of(versions)
    absent = frozenset(oid for oid in named if not repository.store.has(oid))
    elsewhere = _elsewhere(repository, absent) if absent else frozenset()
    values: dict[tuple[str, str], tuple[Entry, Version]] = {}
    for version in versions:
        for entry in version.manifest.all_entries() if version.manifest else ():
            if not _needs(entry, elsewhere):
                values.setdefault((entry.digest, str(entry.source)), (entry, version))
    return Plan(
        versions=versions,
        values=tuple(values.values()),
        objects=tuple(repository.store.list()),
        named=named,
        missing=absent - elsewhere,
        elsewhere=elsewhere,
        places=_places(repository, revs),
    )


def check(repository: Repository, work: Plan, progress: Callable[[int], object]) -> Report:
    """Do it.

    Args:
        repository: The repository.
        work: What to check.
        progress: Called with the bytes of each finished piece.
    """
    store = repository.store
    damaged: list[str] = []

    def check_object(item: tuple[str, int]) -> Problem | None:
        progress(item[1])
        try:
            store.verify(item[0])
        except ThetaError as error:
            if isinstance(error, CorruptError):
                damaged.append(item[0])
            return Problem(error.message)
        return None

    def check_value(item: tuple[Entry, Version]) -> Problem | None:
        entry, version = item
        progress(entry.spec.nbytes)
        if _needs(entry, work.missing):
            return None
        try:
            for _ in read_value(entry, store):
                pass
        except ThetaError as error:
            return Problem(error.message, *work.places.get(version.oid, ("", "")))
        return None

    def check_layout(version: Version) -> Problem | None:
        place = work.places.get(version.oid, ("", ""))
        if version.manifest is None:
            return Problem(_unreadable(version), *place)
        if _needs(version.manifest.layout, work.elsewhere | work.missing):
            return None
        try:
            layout = Smudger(store).layout(version.manifest)
        except ThetaError as error:
            return Problem(error.message, *place)
        if {placement.name for placement in layout.placements} != version.manifest.by_name.keys():
            odd = f"manifest {version.oid} has other parameters than its layout"
            return Problem(f"{odd}: it was merged or edited as text", *place)
        return None

    with ThreadPoolExecutor(repository.settings.thread_count) as pool:
        problems = run_all(pool, check_object, work.objects)
        problems += _absences(work)
        problems += run_all(pool, check_value, work.values)
        problems += run_all(pool, check_layout, work.versions)
    # A damaged layout is found as a value, and again by each version that has it.
    distinct = {problem.message: problem for problem in reversed(problems) if problem}
    return Report(
        versions=len(work.versions),
        values=len(work.values),
        objects=len(work.objects),
        unreferenced=sum(oid not in work.named for oid, _ in work.objects),
        elsewhere=len(work.elsewhere),
        swept=store.sweep(),
        damaged=tuple(sorted(damaged)),
        missing=tuple(sorted(work.missing)),
        problems=tuple(reversed(distinct.values())),
    )


def check_remote(repository: Repository, name: str, revs: Iterable[str] = ()) -> RemoteReport:
    """Check that a remote has every object that versions need, by name.

    Args:
        repository: The repository.
        name: The remote.
        revs: Only what is reachable from these.

    Raises:
        ThetaError: It can't be reached.
    """
    revs = list(revs)
    versions = list(everywhere(repository.git, revs).values())
    wanted = [
        RemoteObject(oid, repository.store.size(oid) if size is None else size)
        for oid, size in sorted(objects_of(versions).items())
    ]
    with connected(open_remote(repository, name, "download")) as remote:
        url, found = remote.url, remote_has(remote, wanted)
    missing = [each.oid for each in wanted if each.oid not in found]
    places = _places(repository, revs)
    needed_by = {oid: v for v in reversed(versions) for oid in (v.manifest.oids() if v.manifest else ())}
    problems = [Problem(_unreadable(v), *places.get(v.oid, ("", ""))) for v in versions if not v.manifest]
    for oid in missing:
        nor = "" if repository.store.has(oid) else ", nor here"
        problems.append(
            Problem(f"object {oid} isn't at {name}{nor}", *places.get(needed_by[oid].oid, ("", "")))
        )
    return RemoteReport(name, url, len(versions), len(wanted), tuple(missing), tuple(problems))


def _elsewhere(repository: Repository, absent: frozenset[str]) -> frozenset[str]:
    """Those of some objects that needn't be here: a version has them that's pushed, and not in use."""
    sent = absent & objects_of(pushed(repository.git).values()).keys()
    if repository.settings.lazy or not sent:
        return sent
    manifests = Manifests(repository.git)
    manifests.refresh()
    return sent - in_use(manifests, repository.common_dir)


def _absences(work: Plan) -> list[Problem]:
    """What isn't here but should be: one problem for each object and version, however many parameters."""
    needed_by: dict[tuple[str, tuple[str, str]], list[str]] = {}
    for entry, version in work.values:
        place = work.places.get(version.oid, ("", ""))
        for oid in {ref.oid for ref in entry.source.payloads()} & work.missing:
            needed_by.setdefault((oid, place), []).append(entry.name)
    return [
        Problem(f"{_listed(names)}: {missing_object(oid).message}", *place)
        for (oid, place), names in needed_by.items()
    ]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_MOST_NAMES]))
    more = f", and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"parameter{'s' * (len(names) > 1)} {shown}{more}"


def _needs(entry: Entry, oids: frozenset[str]) -> bool:
    return bool(oids) and any(ref.oid in oids for ref in entry.source.payloads())


def _places(repository: Repository, revs: list[str]) -> dict[str, tuple[str, str]]:
    places = {} if revs else {version.oid: (version.path, "") for version in in_index(repository.git)}
    for commit in commits(repository.git, revs):
        for path, oid in commit.blobs:
            places.setdefault(oid, (path, commit.oid))
            if not places[oid][1]:
                places[oid] = (path, commit.oid)
    return places


def _unreadable(version: Version) -> str:
    return f"manifest {version.oid} is damaged: {version.error}"
