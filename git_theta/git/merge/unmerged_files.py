"""The files in conflict, and what each of them needs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.errors import GitError, ThetaError
from git_theta.git.merge.moved_files import advice_about_move
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.unmerged import unmerged_stages
from git_theta.git.repository.conflict_records import current_record
from git_theta.git.repository.merge_rules import merge_rules
from git_theta.git.repository.operation import interrupted_operation
from git_theta.git.repository.plain_files import is_plain_file
from git_theta.git.repository.repository import Repository
from git_theta.merging.outcome import Conflict
from git_theta.report.text import plural


@dataclass(frozen=True, slots=True)
class UnmergedFile:
    """A file in conflict.

    Attributes:
        path: Path from the top of the work tree.
        is_checkpoint: Whether git-theta stores it; other files are settled as Git says.
        conflicts: What is known to be decided; empty if the merge left no record.
        missing: The sides that don't have the file, of `ours` and `theirs`.
        error: The error in the rules of the file that stops every merge of it; `None` if there's none.
        advice: A sentence, and commands that settle the file in another way; empty if there's none.
    """

    path: str
    is_checkpoint: bool
    conflicts: tuple[Conflict, ...] = ()
    missing: tuple[str, ...] = ()
    error: ThetaError | None = None
    advice: tuple[str, ...] = ()

    @property
    def need(self) -> str:
        """The state of the file in a few words, with the next step."""
        name = shlex.quote(self.path)
        if not self.is_checkpoint:
            return f"no checkpoint: settle it as any file, then: git add {name}"
        if len(self.missing) == 1:
            (gone,) = self.missing
            kept = "ours" if gone == "theirs" else "theirs"
            return f"not in {gone}: git theta resolve {name} -s {kept} keeps it, -s {gone} removes it"
        if self.missing:
            return f"in neither side any more: git theta resolve {name} -s ours removes it"
        if self.error:
            return f"can't be merged: {self.error.message}"
        count = plural(len(self.conflicts), "conflict") if self.conflicts else "in conflict"
        return f"{count}: git theta resolve {name} -s ours (or theirs, …)"


def unmerged_files(repository: Repository) -> list[UnmergedFile]:
    """The files in conflict, by path.

    Args:
        repository: The repository, with Git at the top of its work tree.
    """
    stages = unmerged_stages(repository.git)
    filters = attribute_values(repository.git, "filter", sorted(stages))
    found = []
    for path in sorted(stages):
        record = current_record(repository, path)
        tracked = filters.get(path) == "theta" and not is_plain_file(path)
        error = _error_of_rules(repository, path) if tracked and not record else None
        missing = tuple(side for stage, side in ((2, "ours"), (3, "theirs")) if stage not in stages[path])
        moved = advice_about_move(repository, path, missing[0]) if tracked and len(missing) == 1 else ()
        conflicts = record.conflicts if record else ()
        found.append(UnmergedFile(path, tracked, conflicts, missing, error, moved))
    return found


def _error_of_rules(repository: Repository, path: str) -> ThetaError | None:
    """The error in the rules of a file, if one isn't valid."""
    try:
        merge_rules(repository, path, interrupted_operation(repository).purpose)
    except ThetaError as error:
        return error
    return None


def chosen_files(git: Git, files: Sequence[UnmergedFile], paths: Sequence[str]) -> list[UnmergedFile]:
    """The files in conflict that paths name: files, or folders with all in them.

    Files that are settled already are left out.

    Args:
        git: Git at the top of the work tree.
        files: All files in conflict.
        paths: Paths from the top of the work tree; `.` is the top itself.

    Raises:
        GitError: A path names no tracked file.
    """
    chosen: dict[str, UnmergedFile] = {}
    for path in paths:
        folder = "" if path in ("", ".") else f"{path.rstrip('/')}/"
        found = [each for each in files if each.path == path or each.path.startswith(folder)]
        if not found and not git.ok("ls-files", "--error-unmatch", "--", f":(top,literal){path}"):
            raise GitError(f"{path} isn't in conflict", "see which are: git theta resolve")
        chosen |= {each.path: each for each in found}
    return list(chosen.values())


def refuse_plain(file: UnmergedFile) -> None:
    """Fail for a file that isn't a checkpoint.

    Raises:
        GitError: It isn't; the hint is Git's own advice.
    """
    if not file.is_checkpoint:
        name = shlex.quote(file.path)
        raise GitError(
            f"{file.path} isn't a checkpoint that git-theta tracks",
            f"edit it and mark it as resolved by `git add`, or take a side: git checkout --ours -- {name} "
            "(or --theirs)",
        )
