"""Check a repository: every object against its name, every value of every version against its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.git.history import Version, commits, everywhere, in_index
from git_theta.git.repository import Repository
from git_theta.model.manifest import Entry
from git_theta.smudge import Smudger
from git_theta.values import checked
from git_theta.workers import run_all


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
        swept: Leftover temporary files that were removed.
        problems: What is wrong.
    """

    versions: int
    values: int
    objects: int
    unreferenced: int
    swept: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to check."""

    versions: tuple[Version, ...]
    values: tuple[tuple[Entry, Version], ...]
    objects: tuple[tuple[str, int], ...]
    places: dict[str, tuple[str, str]]

    @property
    def nbytes(self) -> int:
        """Bytes to read and to decode."""
        return sum(size for _, size in self.objects) + sum(e.spec.nbytes for e, _ in self.values)


def plan(repository: Repository, revs: Iterable[str] = ()) -> Plan:
    """Find what is to be checked, reading only manifests."""
    revs = list(revs)
    versions = tuple(everywhere(repository.git, revs).values())
    values: dict[tuple[str, str], tuple[Entry, Version]] = {}
    for version in versions:
        for entry in version.manifest.all_entries() if version.manifest else ():
            values.setdefault((entry.digest, str(entry.source)), (entry, version))
    places = {} if revs else {version.oid: (version.path, "") for version in in_index(repository.git)}
    for commit in commits(repository.git, revs):
        for path, oid in commit.blobs:
            places.setdefault(oid, (path, commit.oid))
            if not places[oid][1]:
                places[oid] = (path, commit.oid)
    return Plan(versions, tuple(values.values()), tuple(repository.store.list()), places)


def check(repository: Repository, work: Plan, progress: Callable[[int], object]) -> Report:
    """Do it.

    Args:
        repository: The repository.
        work: What to check.
        progress: Called with the bytes of each finished piece.
    """
    store = repository.store

    def check_object(item: tuple[str, int]) -> Problem | None:
        progress(item[1])
        try:
            store.verify(item[0])
        except ThetaError as error:
            return Problem(error.message)
        return None

    def check_value(item: tuple[Entry, Version]) -> Problem | None:
        entry, version = item
        progress(entry.spec.nbytes)
        try:
            for _ in checked(entry, store):
                pass
        except ThetaError as error:
            return Problem(error.message, *work.places.get(version.oid, ("", "")))
        return None

    def check_layout(version: Version) -> Problem | None:
        place = work.places.get(version.oid, ("", ""))
        if version.manifest is None:
            return Problem(f"manifest {version.oid} is damaged: {version.error}", *place)
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
        problems += run_all(pool, check_value, work.values)
        problems += run_all(pool, check_layout, work.versions)
    # A damaged layout is found as a value, and again by each version that has it.
    distinct = {problem.message: problem for problem in reversed(problems) if problem}
    named = {oid for version in work.versions if version.manifest for oid in version.manifest.oids()}
    return Report(
        versions=len(work.versions),
        values=len(work.values),
        objects=len(work.objects),
        unreferenced=sum(oid not in named for oid, _ in work.objects),
        swept=store.sweep(),
        problems=tuple(reversed(distinct.values())),
    )
