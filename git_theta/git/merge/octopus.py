"""A merge of several branches at once: the models all together, everything else by Git, two by two.

Git's own octopus calls no merge drivers. So the models that more than one side changed are merged first. Each
side then gets a helper commit that has the results already, and Git merges those without looking into a
model. Nothing but new objects is written until all of it has worked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from git_theta.errors import GitError, UsageError
from git_theta.git.merge.candidates import Contested, contested
from git_theta.git.merge.merge_trees import check_version, commit_tree, merge_trees, with_files
from git_theta.git.merge.merger import merger_of
from git_theta.git.merge.versions import manifest_of
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.merge_rules import RULES_VARIABLE, merge_rules
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.cleaners import Cleaners
from git_theta.git.worktree.workspace import Workspace
from git_theta.merge.outcome import Merged
from git_theta.merge.rules import MergeRule, MergeRules
from git_theta.model.manifest import MAX_TEXT_BYTES, Manifest
from git_theta.report.merge_summary import conflict_name
from git_theta.report.text import plural, printable
from git_theta.runtime.progress import progress

#: So many conflicts of a model are listed.
_SHOWN = 5

#: Where a ref is → what a message calls it.
_KINDS = {
    "refs/heads/": "branch",
    "refs/remotes/": "remote-tracking branch",
    "refs/tags/": "tag",
}


@dataclass(frozen=True, slots=True)
class Parents:
    """The commits that a merge commit is to have as parents.

    Attributes:
        head: HEAD's commit.
        branches: The branches as the user named them → commit; none that another one has already.
        diverged: Whether HEAD isn't an ancestor of a branch. If it is, it's neither merged nor a parent.
    """

    head: str
    branches: Mapping[str, str]
    diverged: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A merge commit that no branch has yet.

    Attributes:
        commit: Its id.
        models: Files that were merged parameter by parameter → how.
    """

    commit: str
    models: Mapping[str, Merged]


def independent(git: Git, branches: Sequence[str]) -> Parents:
    """What is left of branches when those are dropped that HEAD or another one has already.

    Raises:
        UsageError: One isn't a commit.
        GitError: There's no commit to merge into.
    """
    if not git.ok("rev-parse", "-q", "--verify", "HEAD^{commit}"):
        raise GitError("there's no commit to merge into", "check a branch out, or make a first commit")
    head = git.line("rev-parse", "HEAD^{commit}")
    commits: dict[str, str] = {}
    for branch in branches:
        if branch.startswith("-") or not git.ok("rev-parse", "-q", "--verify", f"{branch}^{{commit}}"):
            raise UsageError(f"{branch!r} isn't a branch or a commit", "`git branch --all` lists branches")
        commit = git.line("rev-parse", f"{branch}^{{commit}}")
        if commit not in (head, *commits.values()):
            commits[branch] = commit
    kept = set(git.line("merge-base", "--independent", head, *commits.values()).split("\n"))
    return Parents(head, {name: commit for name, commit in commits.items() if commit in kept}, head in kept)


def merge(
    repository: Repository,
    parents: Parents,
    rules: str,
    message: str = "",
    *,
    unrelated: bool = False,
    head_too: bool = False,
) -> Made:
    """Make a merge commit. No branch, nothing in the index and nothing in the work tree changes.

    Args:
        repository: The repository, with Git at the top of its work tree.
        parents: What to merge.
        rules: As the variable `GIT_THETA_MERGE` has them.
        message: Of the commit; empty for one as Git writes it.
        unrelated: Whether there may be no commit in common.
        head_too: Whether HEAD is to be a parent in any case.

    Raises:
        GitError: There are conflicts; the message names the files. Or a merge is going on, or Git is too old.
        ThetaError: A model can't be merged.
    """
    git = repository.git
    _check(repository)
    branches = list(parents.branches.values())
    sides = [parents.head, *branches] if parents.diverged else branches
    base = _base(git, sides)
    if base is None and not unrelated:
        raise GitError(
            "the branches have no commit in common", "to merge them all the same: --allow-unrelated-histories"
        )
    found = contested(git, base, sides)
    models = _merge_models(repository, found, rules)
    results = {each.path: (each.mode, _stored(git, models[each.path])) for each in found}
    helpers = [
        with_files(git, side, {each.path: results[each.path] for each in found if each.sides[index]})
        for index, side in enumerate(sides)
    ]
    tree = merge_trees(git, helpers, unrelated=unrelated)
    order = [parents.head, *branches] if head_too else sides
    sign = ["-S"] if git.line("config", "--type=bool", "--default=false", "commit.gpgsign") == "true" else []
    return Made(commit_tree(git, tree, order, message or _message(git, parents), *sign), models)


def _check(repository: Repository) -> None:
    check_version(repository.git)
    if (repository.git_dir / "MERGE_HEAD").exists():
        raise GitError(
            "a merge is going on already", "finish it: git commit; or give it up: git merge --abort"
        )
    # Fails where Git doesn't know who the user is: better before the work than after it.
    repository.git.run("var", "GIT_COMMITTER_IDENT")


def _base(git: Git, sides: Sequence[str]) -> str | None:
    words = ("merge-base", "--octopus", *sides)
    return git.line(*words).partition("\n")[0] if git.ok(*words) else None


def _merge_models(repository: Repository, found: Sequence[Contested], rules: str) -> dict[str, Merged]:
    """The models, merged.

    Raises:
        GitError: One is in conflict.
    """
    environment = {**os.environ, RULES_VARIABLE: rules}
    with Workspace(repository) as workspace:
        done = {
            each.path: _merge_model(workspace, each, merge_rules(repository, each.path, environment))
            for each in found
        }
    failed = {printable(path): merged for path, merged in done.items() if merged.manifest is None}
    if failed:
        lines = [f"{plural(len(failed), 'checkpoint')} in conflict; nothing has changed"]
        for path, merged in failed.items():
            lines += [f"  {path}: {conflict_name(c)}: {c.reason}" for c in merged.conflicts[:_SHOWN]]
            more = len(merged.conflicts) - _SHOWN
            lines += [f"  {path}: and {more:,} more"] if more > 0 else []
        raise GitError(
            "\n".join(lines), "choose a strategy that can decide, or merge one branch after the other"
        )
    return done


def _merge_model(workspace: Workspace, model: Contested, rules: MergeRules) -> Merged:
    with Blobs(workspace.repository.git.cwd) as blobs:
        base = _read(workspace.cleaners, blobs, model.path, model.base) if model.base else None
        there = [index for index, oid in enumerate(model.sides) if oid]
        sides = [_read(workspace.cleaners, blobs, model.path, model.sides[index]) for index in there]
    chosen = _for_sides(rules, there, len(model.sides))
    with progress(f"merging {model.path}", max(side.size for side in sides)) as advance:
        return merger_of(workspace, model.path, advance).merge(base, sides, chosen)


def _read(cleaners: Cleaners, blobs: Blobs, path: str, oid: str) -> Manifest:
    text = blobs.read(oid, MAX_TEXT_BYTES)
    found = None if text is None else manifest_of(cleaners, path, text)
    if found is None:
        raise GitError(f"a version of {path} can't be read, or is empty")
    return found


def _for_sides(rules: MergeRules, there: Sequence[int], count: int) -> MergeRules:
    """The rules for a file that only some sides have: of lists with one for each side, those of these."""
    if len(there) == count:
        return rules

    def cut(rule: MergeRule) -> MergeRule:
        words = {key: text.split(",") for key, text in rule.options}
        options = {
            key: ",".join(parts[i] for i in there) if len(parts) == count else ",".join(parts)
            for key, parts in words.items()
        }
        return replace(rule, options=tuple(options.items()))

    return MergeRules(tuple(map(cut, rules.rules)), tuple(map(cut, rules.otherwise)))


def _stored(git: Git, merged: Merged) -> str:
    assert merged.manifest is not None  # noqa: S101
    return git.run("hash-object", "-w", "--stdin", stdin=merged.manifest.to_bytes()).decode().strip()


def _message(git: Git, parents: Parents) -> str:
    """What Git says for such a merge: `Merge branches 'a' and 'b' into c`."""
    lines = (f"{commit}\t\t{_described(git, name)} of .\n" for name, commit in parents.branches.items())
    return os.fsdecode(git.run("fmt-merge-msg", stdin=os.fsencode("".join(lines))))


def _described(git: Git, name: str) -> str:
    ref = git.line("rev-parse", "--symbolic-full-name", name)
    for prefix, kind in _KINDS.items():
        if ref.startswith(prefix):
            return f"{kind} '{ref.removeprefix(prefix)}'"
    return f"commit '{name}'"
