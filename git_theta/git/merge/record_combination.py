"""The lineage record of a model that `git theta combine` makes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from git_theta.combine.model import Model
from git_theta.errors import GitError, ThetaError, UsageError, join_hints
from git_theta.git.lineage.command_outputs import check_not_ignored, check_places, check_tracked
from git_theta.git.lineage.edit_record import check_circles, check_record, read_record, write_record
from git_theta.git.lineage.named_models import named_parent
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.run_program import is_inside_run
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.change_index import add_files
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.dirty_paths import dirty_paths
from git_theta.git.plumbing.unmerged import unmerged_paths
from git_theta.git.repository.paths import top_folder, work_tree_path
from git_theta.git.repository.repository import Repository
from git_theta.lineage.record import BLOB, LineageRecord, RecordedParent, RecordedRun, record_path

#: The relation of a model that was made of several others.
_MERGE = "merge"

_WITHOUT = "to leave the record out: --no-record"


@dataclass(frozen=True, slots=True)
class CombinationRecord:
    """The record of a combination that is still to be made.

    Attributes:
        git: Git in the user's folder.
        repository: The repository, with Git at the top.
        path: The output, from the top.
        run: The command.
        why: The method, in words.
    """

    git: Git
    repository: Repository
    path: str
    run: RecordedRun
    why: str

    def write(self, models: Sequence[Model]) -> tuple[str, ...]:
        """Stage the output and its record; the names of the parents that it has.

        A version of the output itself is no parent, as history has it. Without others, nothing is staged.

        Args:
            models: The models that were combined.

        Raises:
            LineageError: A model was made from an earlier version of the output; nothing is staged.
            ThetaError: One of both can't be staged; the output stays as it was written.
        """
        with LineageTree(self.repository) as tree:
            parents = self._parents(tree, models)
            if not parents:
                return ()
            if self.path in tree.models:
                check_circles(graph_of(tree), self.path, [each.path for each in parents if each.path])
        try:
            add_files(self.repository.git, [self.path])
            with LineageTree(self.repository) as tree:
                record = replace(self._record(tree, parents), model=tree.facts(self.path).model)
                written = write_record(tree, self.path, record)
            add_files(self.repository.git, [written])
        except ThetaError as error:
            hint = join_hints(error.hint, _WITHOUT)
            raise ThetaError(f"{self.path} is written, but not recorded: {error.message}", hint) from error
        return tuple(parent.name for parent in parents)

    def _parents(self, tree: LineageTree, models: Sequence[Model]) -> tuple[RecordedParent, ...]:
        found = [named_parent(self.git, tree, each.name, each.manifest.entries) for each in models]
        return tuple({parent.name: parent for parent in found if parent.path != self.path}.values())

    def _record(self, tree: LineageTree, parents: tuple[RecordedParent, ...]) -> LineageRecord:
        """The record, with the promises and the reason of the one that the output had."""
        old = read_record(tree, self.path) or LineageRecord()
        relation = _MERGE if len(parents) > 1 else ""
        return replace(
            old,
            relation=relation,
            parents=parents,
            run=self.run,
            why=old.why or self.why,
            is_inferred=False,
            is_moved=False,
        )


def combination_record(
    git: Git, output: Path, words: Sequence[str], why: str, inputs: Sequence[Path] = ()
) -> CombinationRecord | None:
    """The record of a combination whose output becomes a model of the repository; `None` for other files.

    Args:
        git: Git in the user's folder.
        output: The output.
        words: The command, which may be recorded with `{out}` in place of the output.
        why: The method, in words.
        inputs: Files besides models that the command reads; those that Git has are recorded.

    Raises:
        UsageError: The record that the output has isn't valid, or the new one can't be written.
    """
    if is_inside_run():
        # `git theta run` records the command that it runs.
        return None
    try:
        repository = Repository(git).at_top()
        path = work_tree_path(git, str(output))
        check_tracked(repository.git, [path])
        check_places(repository, [path], "")
        check_not_ignored(repository.git, [record_path(path)])
        if path in unmerged_paths(repository.git):
            return None
    except (GitError, UsageError):
        return None
    with LineageTree(repository) as tree:
        blobs = {name: f"{BLOB}{tree.files[name]}" for name in _tracked(git, repository, tree, inputs)}
        run = RecordedRun(tuple(words), blobs, folder=top_folder(git, repository.root))
        made = CombinationRecord(git, repository, path, run, why)
        try:
            check_record(tree, path, replace(read_record(tree, path) or LineageRecord(), run=run))
        except ThetaError as error:
            raise UsageError(error.message, join_hints(error.hint, _WITHOUT)) from error
    return made


def _tracked(git: Git, repository: Repository, tree: LineageTree, inputs: Sequence[Path]) -> list[str]:
    """The paths from the top, of files that are as in the index."""
    paths = []
    for each in inputs:
        with suppress(UsageError):
            paths.append(work_tree_path(git, str(each)))
    known = [path for path in paths if path in tree.files]
    dirty = dirty_paths(repository.git, known)
    return [path for path in known if path not in dirty]
