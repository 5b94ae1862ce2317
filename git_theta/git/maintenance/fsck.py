"""Fsck: check every object against its name, and every value of every version against its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

from git_theta.encoding.budget import Weight, affordable_threads, check_weight, total_weight
from git_theta.encoding.decode import read_value
from git_theta.encoding.many_values import read_values
from git_theta.encoding.update_providers import require_updates_of
from git_theta.errors import CorruptError, ExcessError, PluginError, ThetaError
from git_theta.git.maintenance.fsck_plan import FsckPlan, Location, needs_any
from git_theta.git.repository.manifest_walk import ManifestBlob
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry
from git_theta.runtime.threads import run_all, run_groups
from git_theta.smudge import Smudger
from git_theta.store.base import missing_object
from git_theta.store.local import LocalStore
from git_theta.updates.base import Pieces

#: The number of parameters that are listed for a missing object.
_LISTED = 3


#: Work for each byte of a layout: its pieces are Python objects.
_LAYOUT_WORK = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is damaged or missing.

    Attributes:
        message: A description, with parameter and object.
        path: The file that it concerns; empty if unknown.
        rev: A commit that has it; empty if it's only in the index or unreachable.
    """

    message: str
    path: str = ""
    rev: str = ""


@dataclass(frozen=True, slots=True)
class FsckReport:
    """The result of an fsck.

    Attributes:
        versions: Manifests that were looked at.
        values: Distinct values that were decoded.
        objects: Objects in the store.
        unreferenced: Objects that no version names.
        elsewhere: Objects that only pushed versions need and that aren't here, so they weren't checked.
        borrowed: Objects that only another repository on this machine has.
        swept: Leftover temporary files that were removed.
        damaged: Objects whose bytes don't have the SHA-256 of their name.
        missing: Objects that aren't here but should be.
        problems: All that is damaged or missing.
        replaced: Distinct values that only an alternative source gives, as their own objects were pruned.
        alternatives: Further alternative sources that were decoded.
        incomplete: Alternative sources that lack objects here.
        warnings: Alternative sources that don't give their values; nothing is lost by that.
    """

    versions: int
    values: int
    objects: int
    unreferenced: int
    elsewhere: int
    borrowed: int
    swept: int
    damaged: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]
    replaced: int
    alternatives: int
    incomplete: int
    warnings: tuple[Problem, ...]


def run_fsck(repository: Repository, plan: FsckPlan, progress: Callable[[int], object]) -> FsckReport:
    """Check what was planned, and remove leftover temporary files.

    Args:
        repository: The repository.
        plan: What to check.
        progress: Called with the bytes of each finished piece.
    """
    # What a neighbour has is checked there, and isn't linked or copied for that.
    store = repository.store.in_place
    check = _Check(store, store.without_alternatives, plan, progress)
    excess, threads = _weigh_values(plan, repository)
    with ThreadPoolExecutor(repository.settings.thread_count) as pool:
        objects = run_all(pool, check.object, plan.objects)
    with ThreadPoolExecutor(threads) as pool:
        groups = [[excess]] if excess else run_groups(pool, check.values, plan.values, _nbytes)
        layouts = [] if excess else run_all(pool, check.layout, plan.versions)
        spare = [] if excess else run_all(pool, check.spare, plan.spare)
    damaged = [oid for (oid, _), (_, is_damaged) in zip(plan.objects, objects, strict=True) if is_damaged]
    values = chain.from_iterable(groups)
    problems = [*(problem for problem, _ in objects), *_missing_objects(plan), *values, *layouts]
    present = plan.named.keys() - plan.missing - plan.elsewhere
    # A damaged layout is found as a value, and again by each version that has it.
    distinct = {problem.message: problem for problem in reversed(problems) if problem}
    return FsckReport(
        versions=len(plan.versions),
        values=len(plan.values),
        objects=len(plan.objects),
        unreferenced=sum(oid not in plan.named for oid, _ in plan.objects),
        elsewhere=len(plan.elsewhere),
        borrowed=sum(repository.store.has(oid) and not repository.store.keeps(oid) for oid in present),
        swept=repository.store.sweep(),
        damaged=tuple(sorted(damaged)),
        missing=tuple(sorted(plan.missing)),
        problems=tuple(reversed(distinct.values())),
        replaced=plan.replaced,
        alternatives=len(plan.spare),
        incomplete=plan.incomplete,
        warnings=tuple(filter(None, spare)),
    )


@dataclass(frozen=True, slots=True)
class _Check:
    """The checks of one object, some values and one layout; each runs in a thread of its own."""

    store: LocalStore
    own_sources: LocalStore
    plan: FsckPlan
    progress: Callable[[int], object]

    def object(self, item: tuple[str, int]) -> tuple[Problem | None, bool]:
        """The problem of an object of a name and size, and whether its bytes are damaged."""
        oid, size = item
        self.progress(size)
        try:
            self.store.verify(oid)
        except ThetaError as error:
            return Problem(error.message), isinstance(error, CorruptError)
        return None, False

    def values(self, items: Sequence[tuple[Entry, ManifestBlob]]) -> list[Problem | None]:
        """The problem of each of several values, with a version that has it."""
        there = [item for item in items if not needs_any(item[0], self.plan.missing)]
        values = read_values((entry for entry, _ in there), self.own_sources)
        self.progress(sum(map(_nbytes, items)))
        return [self._value(*item, pieces) for item, pieces in zip(there, values, strict=True)]

    def _value(self, entry: Entry, version: ManifestBlob, pieces: Pieces) -> Problem | None:
        try:
            if version.manifest:
                require_updates_of(entry, version.manifest)
            for _ in pieces:
                pass
        except (PluginError, ExcessError) as error:
            return _problem(f"{error.message}; {error.hint}", self.plan.location(version))
        except ThetaError as error:
            return _problem(error.message, self.plan.location(version))
        return None

    def spare(self, entry: Entry) -> Problem | None:
        """The problem of an alternative source."""
        self.progress(entry.spec.nbytes)
        try:
            for _ in read_value(entry, self.own_sources):
                pass
        except ThetaError as error:
            return Problem(f"the alternative source isn't used: {error.message}")
        return None

    def layout(self, version: ManifestBlob) -> Problem | None:
        """The problem of a manifest, or of the layout that it names."""
        location = self.plan.location(version)
        if version.manifest is None:
            return unreadable(version, location)
        if needs_any(version.manifest.layout, self.plan.elsewhere | self.plan.missing):
            return None
        try:
            layout = Smudger(self.store).layout(version.manifest)
        except ThetaError as error:
            return _problem(error.message, location)
        if {placement.name for placement in layout.placements} != version.manifest.by_name.keys():
            odd = f"manifest {version.oid} has other parameters than its layout"
            return _problem(f"{odd}: it was merged or edited as text", location)
        return None


def _nbytes(item: tuple[Entry, ManifestBlob]) -> int:
    return item[0].spec.nbytes


def _weigh_values(plan: FsckPlan, repository: Repository) -> tuple[Problem | None, int]:
    """The problem of values that take too much together, and the number of threads that may decode them."""
    store, threads = repository.store, repository.settings.thread_count
    values = (entry for entry, _ in plan.values if not needs_any(entry, plan.missing))
    entries = chain(values, plan.spare)
    # What exceeds the limits by itself isn't decoded, and is a problem of its own.
    weight = total_weight(entries, store, only_allowed=True)
    # Each version's layout is read, also one that others have.
    layouts = sum(version.manifest.layout.spec.nbytes for version in plan.versions if version.manifest)
    together = Weight(weight.work + _LAYOUT_WORK * layouts, 0)
    try:
        check_weight(together, (oid for oid, _ in plan.objects), store)
    except ExcessError as error:
        return Problem(f"the values of all versions weren't decoded: {error.one_line}"), threads
    return None, affordable_threads(threads, weight.memory, store)


def unreadable(version: ManifestBlob, location: Location) -> Problem:
    """The problem of a manifest that isn't valid."""
    return _problem(f"manifest {version.oid} is damaged: {version.error}", location)


def _missing_objects(plan: FsckPlan) -> Iterator[Problem]:
    """One problem for each missing object and location, however many parameters need it."""
    needed_by: dict[tuple[str, Location], list[str]] = {}
    for entry, version in plan.values:
        for oid in {ref.oid for ref in entry.source.payloads()} & plan.missing:
            needed_by.setdefault((oid, plan.location(version)), []).append(entry.name)
    for (oid, location), names in needed_by.items():
        yield _problem(f"{_listed(names)}: {missing_object(oid).message}", location)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_LISTED]))
    more = f", and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return f"parameter{'s' * (len(names) > 1)} {shown}{more}"


def _problem(message: str, location: Location) -> Problem:
    return Problem(message, location.path, location.rev)
