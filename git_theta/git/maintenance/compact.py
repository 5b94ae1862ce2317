"""Compact: choose bases anew for everything stored, and note the new sources in the table of alternatives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.git.maintenance.manifest_index import ManifestIndex
from git_theta.git.maintenance.stored_manifests import StoredManifests
from git_theta.git.repository.new_source_table import write_table
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import REF, is_source_table, move_ref, read_table
from git_theta.model.manifest import Entry
from git_theta.replanning.known_value import KnownValues, known_values
from git_theta.replanning.new_sources import new_sources, paying, verified
from git_theta.replanning.source_plan import SourcePlan, plan_sources
from git_theta.replanning.write import PlanWriter
from git_theta.runtime.progress import progress
from git_theta.settings import MAX_CHAIN_DEPTH
from git_theta.store.local import LocalStore
from git_theta.store.sketch_cache import SketchCache

#: The table is written if all objects then take at most this share of what they take.
_MAX_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Compacted:
    """The result of a compact, or of a dry run.

    Attributes:
        values: The number of values that can be read here.
        changed: The number of values with a new alternative source.
        before: Bytes of the objects that all values take.
        after: Bytes of the objects that they take by their preferred sources.
        new: Bytes of new objects.
        commit: Id of the new table's commit; empty if nothing was written.
    """

    values: int
    changed: int
    before: int
    after: int
    new: int
    commit: str = ""


def compact(
    repository: Repository, updates: Iterable[str], depth: int | None = None, dry_run: bool = False
) -> Compacted:
    """Choose bases anew, and write alternative sources for the values that gain by it.

    No object is deleted, and no manifest changes. A killed process leaves at worst objects that nothing
    names.

    Args:
        repository: The repository.
        updates: Names of the updates that may be chosen.
        depth: The most updates in a chain, even if that takes more bytes; `None` for no deeper chains than
            there are.
        dry_run: Whether to write nothing. The sizes are estimates then.

    Raises:
        ThetaError: The store can't be written, or another command changed the table meanwhile.
    """
    store, settings = repository.store, repository.settings
    manifests = ManifestIndex(repository.git)
    manifests.refresh()
    stored = StoredManifests(manifests, repository.common_dir)
    table = read_table(repository.git)
    entries = (each for one in stored if not is_source_table(one) for each in one.all_entries())
    with _claims(store):
        known = known_values(entries, table.sources, store.keeps)
        plan = _plan(repository, known, depth)
        if dry_run:
            return Compacted(len(known.values), plan.changed, plan.before, plan.after, plan.new)
        size_before = _stored_bytes(store)
        nbytes = sum(one.value.spec.nbytes for family in plan.families for one in family.values)
        with progress("storing values anew", nbytes) as advance:
            writer = PlanWriter(
                store, tuple(updates), depth or MAX_CHAIN_DEPTH, settings.thread_count, advance
            )
            written = writer.write(plan.families)
        made = new_sources(known, paying(plan.families, written, store.size), store, frozenset(stored.pinned))
        differing = [each for each in made.differing(known) if table.sources.get(each.digest) != each.source]
        gains = made.after <= _MAX_SHARE * made.before or any(family.must for family in plan.families)
        new: list[Entry] = []
        if differing and gains:
            for entry in differing:
                for ref in entry.source.payloads():
                    store.claim(ref.oid)
            with progress("checking values", sum(each.spec.nbytes for each in differing)) as advance:
                new = verified(differing, store, settings.thread_count, advance)
        if not new:
            return Compacted(len(known.values), 0, made.before, made.before, 0)
        every = {**table.entries, **{each.digest: each for each in new}}
        commit = _write(repository, every, table.commit)
    store.alternatives.forget()
    return Compacted(
        len(known.values), len(new), made.before, made.after, _stored_bytes(store) - size_before, commit
    )


def _plan(repository: Repository, known: KnownValues, depth: int | None) -> SourcePlan:
    nbytes = sum(value.spec.nbytes for value in known.values.values())
    with (
        closing(SketchCache(repository.store.root)) as sketches,
        progress("comparing values", nbytes) as advance,
    ):
        settings = repository.settings
        return plan_sources(
            known, repository.store, sketches, depth, settings.depth, settings.thread_count, advance
        )


def _write(repository: Repository, entries: Mapping[str, Entry], old: str) -> str:
    """Write a table, and let the ref point to it; returns its commit."""
    commit = write_table(repository, entries.values(), [old] if old else [], "Choose other sources")
    if not move_ref(repository.git, commit, old):
        raise ThetaError(
            f"another command changed {REF} meanwhile", "nothing is lost; try again: git theta compact"
        )
    return commit


@contextmanager
def _claims(store: LocalStore) -> Iterator[None]:
    """Keep others from deleting the objects that a new table will name."""
    store.claims.share()
    try:
        yield
    finally:
        store.claims.release()


def _stored_bytes(store: LocalStore) -> int:
    return sum(size for _, size in store.list())
