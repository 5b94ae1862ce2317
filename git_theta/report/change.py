"""The change of one file: parameters, their stored sizes, and scalars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache

from git_theta.diff import Diff, Pair, diff, model_diff
from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry, Manifest, ObjectRef
from git_theta.model.sizes import SizeOf, added_payloads, payload_bytes
from git_theta.report.distance import Distance
from git_theta.report.scalars import ScalarChange, scalar_changes
from git_theta.report.side import Side
from git_theta.sharding.joined import ModelVersion, version_of


class ChangeKind(Enum):
    """Kinds of changes of a parameter; the values are those of the JSON form."""

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"
    RETYPED = "retyped"
    RESHAPED = "reshaped"
    RENAMED = "renamed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class ParameterChange:
    """The change of one parameter.

    Attributes:
        kind: The kind of the change.
        old: The old entry; `None` if the parameter was added.
        new: The new entry; `None` if the parameter was removed.
        update: The update that stores the new value, such as `delta` or `low-rank 8`; empty if none is new.
        stored: Bytes of payloads that only the new version needs; `None` if unknown.
        files: The old and the new file, if the parameter is in another shard now.
    """

    kind: ChangeKind
    old: Entry | None
    new: Entry | None
    update: str = ""
    stored: int | None = None
    files: tuple[str, str] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the parameter; of a renamed one, the old and the new name."""
        entries = (self.old, self.new) if self.kind is ChangeKind.RENAMED else (self.new or self.old,)
        return tuple(entry.name for entry in entries if entry)

    @property
    def nbytes(self) -> int:
        """Bytes of the new value, or of the old one if the parameter was removed."""
        entry = self.new or self.old
        return entry.spec.nbytes if entry else 0


@dataclass(frozen=True, slots=True)
class CheckpointChange:
    """The change of one file.

    Attributes:
        old: The old version.
        new: The new version.
        diff: The difference of their manifests; empty if one of the sides has a problem.
        rows: Changes of parameters.
        stored: Bytes in the store that only the new version needs; `None` if that isn't stored.
        missing: How many of these objects aren't in the store, so that their bytes aren't counted.
        scalars: Changes besides parameters; `None` if they aren't known.
        scalars_problem: Why they aren't known; empty if the format has no scalars.
        measured: Statistics by name of a changed parameter, or the reason why there are none; empty if values
            weren't read.
    """

    old: Side
    new: Side
    diff: Diff
    rows: tuple[ParameterChange, ...]
    stored: int | None
    missing: int = 0
    scalars: tuple[ScalarChange, ...] | None = None
    scalars_problem: str = ""
    measured: dict[str, Distance | str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        old, new = self.old, self.new
        if self.diff or old.problem or new.problem:
            return True
        return (old.absent, old.path, old.mode) != (new.absent, new.path, new.mode)


#: The rank that a payload's header has, if it has one.
RankOf = Callable[[ObjectRef], int | None]


#: Finds, among payloads, those that other files of the old version have.
FindElsewhere = Callable[[Set[ObjectRef]], Set[ObjectRef]]


def file_change(
    old: Side,
    new: Side,
    size_of: SizeOf,
    rank_of: RankOf,
    elsewhere: FindElsewhere = lambda _refs: frozenset(),
) -> CheckpointChange:
    """Compare two sides. Tensors aren't read; layouts are, where they differ.

    Args:
        old: The old version.
        new: The new version.
        size_of: As in `git_theta.model.sizes`.
        rank_of: Reads a low-rank payload's header.
        elsewhere: Finds payloads that cost nothing, as they're in other files of the old version.
    """
    if old.problem or new.problem:
        return CheckpointChange(old, new, diff(None, None), (), None)
    found = model_diff(_model(old), _model(new))
    fresh: set[ObjectRef] | None = None
    stored, missing = None, 0
    # Many parameters may share an object.
    size_of = cache(size_of)
    if new.stored and new.manifest and (old.absent or old.stored):
        fresh = added_payloads(old.manifest, new.manifest)
        fresh -= elsewhere(fresh)
        missing = sum(size_of(oid) is None for oid in {ref.oid for ref in fresh})
        stored = payload_bytes(fresh, size_of)
    rows = (*_rows(found), *_moved_rows(found, old.manifest, new.manifest))
    rows = tuple(_priced(row, fresh, size_of, rank_of) for row in rows)
    made = CheckpointChange(old, new, found, rows, stored, missing)
    if not (found.layout or found.moved or found.sharding) or old.reader is None or new.reader is None:
        return made
    try:
        return replace(made, scalars=scalar_changes(old, new))
    except ThetaError as error:
        return replace(made, scalars_problem=error.message)


def _model(side: Side) -> ModelVersion | None:
    return side.model or (version_of(side.path, side.manifest) if side.manifest else None)


def _moved_rows(found: Diff, old: Manifest | None, new: Manifest | None) -> Iterator[ParameterChange]:
    """Parameters that are in another shard, with the same value."""
    changed = {entry.name for _, entry in found.changed}
    for name, files in found.moved.items():
        if old and new and name not in changed:
            yield ParameterChange(ChangeKind.MOVED, old.by_name[name], new.by_name[name], files=files)


def _rows(found: Diff) -> Iterator[ParameterChange]:
    yield from (ParameterChange(ChangeKind.REMOVED, entry, None) for entry in found.vanished)
    yield from (ParameterChange(ChangeKind.ADDED, None, entry) for entry in found.appeared)
    yield from (ParameterChange(ChangeKind.RENAMED, *pair) for pair in found.renamed)
    yield from (_changed(ChangeKind.RETYPED, pair, found) for pair in found.retyped)
    yield from (_changed(ChangeKind.RESHAPED, pair, found) for pair in found.reshaped)
    yield from (_changed(ChangeKind.MODIFIED, pair, found) for pair in found.modified)


def _changed(kind: ChangeKind, pair: Pair, found: Diff) -> ParameterChange:
    return ParameterChange(kind, *pair, files=found.moved.get(pair[1].name))


def _priced(
    row: ParameterChange, fresh: set[ObjectRef] | None, size_of: SizeOf, rank_of: RankOf
) -> ParameterChange:
    """A change with its stored size; `fresh` are the payloads that only the new version needs."""
    if fresh is None or row.new is None:
        return row
    source = row.new.source
    stored = payload_bytes((ref for ref in source.payloads() if ref in fresh), size_of)
    if source.payload not in fresh or source.payload is None:
        return replace(row, stored=stored)
    rank = rank_of(source.payload) if source.update == "low-rank" else None
    update = source.update if rank is None else f"{source.update} {rank}"
    return replace(row, update=update, stored=stored)
