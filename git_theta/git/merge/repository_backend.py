"""The merge tool's backend in a repository: for a file in conflict, or one that `git merge` asks about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from git_theta.encoding.decode import read_value
from git_theta.encoding.readable import lacking_values
from git_theta.errors import ThetaError
from git_theta.git.merge.merger import merger_of
from git_theta.git.merge.preview_store import PreviewStore
from git_theta.git.merge.save_rules import save_rules
from git_theta.git.merge.settings_beside import SettingsBeside, blobs_of
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.conflict_records import read_stages
from git_theta.git.repository.merge_rules import check_rule
from git_theta.git.worktree.workspace import Workspace
from git_theta.mergetool.backend import Preview
from git_theta.merging.execute import Merger
from git_theta.merging.outcome import Merged
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.manifest import Entry, Manifest
from git_theta.report.merge_summary import conflict_name
from git_theta.report.readers import StoredReader
from git_theta.report.scalars import ScalarChange, scalar_changes
from git_theta.report.side import Side
from git_theta.runtime.progress import progress

_OURS = MergeRule("ours")


@dataclass(frozen=True, slots=True)
class RepositoryBackend:
    """A file in a repository; implements `git_theta.mergetool.backend.Backend`.

    Attributes:
        workspace: The repository's parts, with Git at the top of the work tree.
        store: The store of previews.
        path: Path of the file, from the top.
        base: The merge base; `None` if there's none.
        sides: Ours and theirs.
        rules: The rules that apply before the choices of the session.
        places: Places for rules: a letter to answer → what the place is called.
        finish: Writes the file by the choices of the session; returns a message for the user.
    """

    workspace: Workspace
    store: PreviewStore
    path: str
    base: Manifest | None
    sides: tuple[Manifest, Manifest]
    rules: MergeRules
    places: Mapping[str, str]
    finish: Callable[[Sequence[MergeRule]], str] = field(default=lambda _choices: "")

    @property
    def threads(self) -> int:
        """Parameters to work on at once."""
        return self.workspace.repository.settings.thread_count

    def check(self, rule: MergeRule) -> None:
        """See `Backend.check`."""
        check_rule(rule)

    def plan(self, rules: Sequence[MergeRule]) -> Merged:
        """See `Backend.plan`."""
        return self._merger().plan(self.base, self.sides, self._with(rules))

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """See `Backend.value`."""
        # Results of a preview are in its own store only, and can't be fetched.
        ensure_values(self.workspace.repository, lacking_values([entry], self.store))
        return read_value(entry, self.store)

    def scalar_conflicts(self) -> Mapping[str, str]:
        """See `Backend.scalar_conflicts`."""
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
        all_rules = self._with(rules)
        with_ours = replace(all_rules, fallback=(_OURS, *all_rules.fallback))
        with progress(f"merging {self.path}", self.sides[0].size) as advance:
            merged = self._merger(advance).merge(self.base, self.sides, with_ours)
        if merged.manifest is None:
            raise conflict_error(merged)
        oids = {ref.oid for entry in merged.manifest.all_entries() for ref in entry.source.payloads()}
        new = (self.store.size(oid) or 0 for oid in oids if not self.store.below.has(oid))
        return Preview(merged, sum(new))

    def write(self, rules: Sequence[MergeRule]) -> str:
        """See `Backend.write`."""
        return self.finish(rules)

    def save_rules(self, rules: Sequence[MergeRule], place: str) -> str:
        """See `Backend.save_rules`."""
        return save_rules(self.workspace.repository, self.path, rules, place)

    def _with(self, rules: Sequence[MergeRule]) -> MergeRules:
        return replace(self.rules, rules=(*self.rules.rules, *rules))

    def _merger(self, advance: Callable[[int], object] = lambda _count: None) -> Merger:
        repository = self.workspace.repository
        texts = [version.to_bytes() if version else b"" for version in (self.base, *self.sides)]
        # Once a conflict is left, the work tree has the settings that go with the result.
        in_conflict = read_stages(repository.git, self.path) is not None
        settings = SettingsBeside(
            repository, self.path, partial(blobs_of, repository, texts), resolves=in_conflict
        )
        return replace(merger_of(self.workspace, self.path, advance, settings), store=self.store)

    def _changes(self, side: Manifest) -> dict[str, ScalarChange]:
        old, new = (
            Side(self.path, manifest, StoredReader(manifest, self.store))
            for manifest in (self.base, side)
            if manifest
        )
        return {change.name: change for change in scalar_changes(old, new) or ()}


def conflict_error(merged: Merged) -> ThetaError:
    """The first conflict of a merge, as an error."""
    first = merged.conflicts[0]
    return ThetaError(f"{conflict_name(first)}: {first.reason}")


def _text(value: str | None) -> str:
    return "nothing" if value is None else value
