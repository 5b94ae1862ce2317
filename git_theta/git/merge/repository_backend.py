"""The merge tool's desk: a file in conflict in this repository, or one that `git merge` asks about."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from git_theta.encoding.decode import read_value
from git_theta.errors import ThetaError
from git_theta.git.merge.merger import merger_of
from git_theta.git.merge.save_rules import remember
from git_theta.git.remote.fetch import ensure_objects, needed_objects
from git_theta.git.repository.merge_rules import check_rule
from git_theta.git.worktree.workspace import Workspace
from git_theta.merge.execute import Merger
from git_theta.merge.outcome import Merged
from git_theta.merge.rules import MergeRule, MergeRules
from git_theta.mergetool.backend import Preview
from git_theta.model.manifest import Entry, Manifest
from git_theta.report.merge_summary import conflict_name
from git_theta.report.readers import StoredReader
from git_theta.report.scalars import ScalarChange, scalar_changes
from git_theta.report.side import Side
from git_theta.runtime.progress import progress
from git_theta.store.local import LocalStore

_OURS = MergeRule("ours")


class PreviewStore(LocalStore):
    """A store on top of another one, which is only read.

    Args:
        root: The folder of this one.
        below: The other one.
    """

    def __init__(self, root: Path, below: LocalStore) -> None:
        super().__init__(root)
        self.below = below

    def has(self, oid: str) -> bool:
        """Whether either has the object."""
        return self.path(oid).exists() or self.below.has(oid)

    def size(self, oid: str) -> int | None:
        """The object's size in either."""
        own = super().size(oid)
        return self.below.size(oid) if own is None else own

    def get(self, oid: str) -> memoryview:
        """The object from either; see `LocalStore.get`."""
        return super().get(oid) if self.path(oid).exists() else self.below.get(oid)

    def part(self, oid: str, offset: int, length: int) -> memoryview:
        """A range of the object from either; see `LocalStore.part`."""
        if self.path(oid).exists():
            return super().part(oid, offset, length)
        return self.below.part(oid, offset, length)


@contextmanager
def scratch(store: LocalStore) -> Iterator[PreviewStore]:
    """A store on top of a repository's, which is gone when the context ends.

    Raises:
        ThetaError: The repository's can't be written to.
    """
    try:
        store.tmp.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=store.tmp, prefix="preview-")
    except OSError as error:
        raise ThetaError(f"can't write to the store {store.root}: {error.strerror}") from error
    with folder:
        yield PreviewStore(Path(folder.name), store)


@dataclass(frozen=True, slots=True)
class RepositoryBackend:
    """See `git_theta.mergetool.backend.Backend`.

    Attributes:
        workspace: The repository's parts, with Git at the top of the work tree.
        store: Where previews go.
        path: The file, from the top.
        base: The merge base; `None` if there's none.
        sides: Ours and theirs.
        rules: What holds without the session's choices.
        places: Where rules can be kept.
        finish: Writes the file with the session's choices; returns what to tell the user.
    """

    workspace: Workspace
    store: PreviewStore
    path: str
    base: Manifest | None
    sides: tuple[Manifest, Manifest]
    rules: MergeRules
    places: Mapping[str, str]
    finish: Callable[[Sequence[MergeRule]], str] = field(default=lambda _rules: "")

    @property
    def threads(self) -> int:
        """How many parameters to work on at once."""
        return self.workspace.repository.settings.thread_count

    def check(self, rule: MergeRule) -> None:
        """See `Backend.check`."""
        check_rule(rule)

    def plan(self, rules: Sequence[MergeRule]) -> Merged:
        """See `Backend.plan`."""
        return self._merger().plan(self.base, self.sides, self._with(rules))

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """See `Backend.value`."""
        # What a preview made is in its own store only.
        absent = {oid: size for oid, size in needed_objects([entry]).items() if not self.store.has(oid)}
        ensure_objects(self.workspace.repository, absent)
        return read_value(entry, self.store)

    def others(self) -> Mapping[str, str]:
        """See `Backend.others`."""
        if self.base is None:
            return {}
        try:
            ours, theirs = (self._changes(side) for side in self.sides)
        except ThetaError:
            return {}
        return {
            name: f"{_text(ours[name].old)} -> ours {_text(ours[name].new)}, theirs {_text(theirs[name].new)}"
            for name in ours
            if name in theirs
        }

    def preview(self, rules: Sequence[MergeRule]) -> Preview:
        """See `Backend.preview`."""
        own = self._with(rules)
        with progress(f"merging {self.path}", self.sides[0].size) as advance:
            merged = self._merger(advance).merge(
                self.base, self.sides, MergeRules(own.rules, (_OURS, *own.otherwise))
            )
        if merged.manifest is None:
            raise failure(merged)
        oids = {ref.oid for entry in merged.manifest.all_entries() for ref in entry.source.payloads()}
        new = (self.store.size(oid) or 0 for oid in oids if not self.store.below.has(oid))
        return Preview(merged, sum(new))

    def write(self, rules: Sequence[MergeRule]) -> str:
        """See `Backend.write`."""
        return self.finish(rules)

    def remember(self, rules: Sequence[MergeRule], place: str) -> str:
        """See `Backend.remember`."""
        return remember(self.workspace.repository, self.path, rules, place)

    def _with(self, rules: Sequence[MergeRule]) -> MergeRules:
        return MergeRules((*self.rules.rules, *rules), self.rules.otherwise)

    def _merger(self, advance: Callable[[int], object] = lambda _count: None) -> Merger:
        return replace(merger_of(self.workspace, self.path, advance), store=self.store)

    def _changes(self, side: Manifest) -> dict[str, ScalarChange]:
        old, new = (
            Side(self.path, manifest, StoredReader(manifest, self.store))
            for manifest in (self.base, side)
            if manifest
        )
        return {change.name: change for change in scalar_changes(old, new) or ()}


def failure(merged: Merged) -> ThetaError:
    """What stands in the way of a merge, as an error."""
    first = merged.conflicts[0]
    return ThetaError(f"{conflict_name(first)}: {first.reason}")


def _text(value: str | None) -> str:
    return "nothing" if value is None else value
