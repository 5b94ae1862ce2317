"""The versions of models that a user wants to be tested, and the tests for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from git_theta.errors import GitError, UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.history.revisions import resolve_commit, resolve_range
from git_theta.git.lineage.edit_record import find_name
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """The versions that a user names.

    Attributes:
        models: Paths from the top, of models, their files, or their folders; none for all models.
        revs: Revisions, and ranges such as `v1..main`; none for the index.
        base: The id of a commit: only models that differ from it; empty for all.
    """

    models: Sequence[str] = ()
    revs: Sequence[str] = ()
    base: str = ""


@dataclass(frozen=True, slots=True)
class ChosenVersion:
    """A version of a model to be tested.

    Attributes:
        test: The test.
        model: The model's path in the version.
        rev: The revision as the user named it, or the id of a commit in a range; empty for the index.
        commit: The id of the revision's commit; empty for the index.
    """

    test: ModelTest
    model: str
    rev: str = ""
    commit: str = ""


def chosen_versions(
    trees: VersionTrees, tests: Sequence[ModelTest], choice: VersionChoice, *, is_named: bool
) -> list[ChosenVersion]:
    """The versions to be tested, each test's together.

    Args:
        trees: Trees of the repository.
        tests: The tests.
        choice: The versions.
        is_named: Whether the user named the tests: then they're run on named models whether they're for them
            or not.

    Raises:
        UsageError: There's no such model or revision, or no test is for any of the models.
    """
    versions = list(dict.fromkeys(_versions(trees, choice)))
    found = [
        ChosenVersion(test, model, rev, commit)
        for test in tests
        for model, rev, commit in versions
        if (is_named and choice.models) or trees.is_for(test, model, commit)
    ]
    if versions and not found:
        which = f"test {tests[0].name} isn't" if len(tests) == 1 else "no test is"
        raise UsageError(f"{which} for any of these models", "git theta test list shows what each is for")
    return found


def merge_base(git: Git) -> str:
    """The commit where the branch left its upstream; HEAD without one.

    Raises:
        UsageError: There are no commits.
    """
    try:
        return git.line("merge-base", "HEAD", "@{upstream}")
    except GitError:
        return resolve_commit(git, "HEAD")


def _versions(trees: VersionTrees, choice: VersionChoice) -> Iterator[tuple[str, str, str]]:
    """Model, revision and commit of each version."""
    git = trees.repository.git
    for rev in choice.revs or ("",):
        if ".." in rev:
            yield from _range(trees, choice, rev)
            continue
        commit = resolve_commit(git, rev) if rev else ""
        for model in models_of(trees, choice, commit):
            yield model, rev, commit


def _range(trees: VersionTrees, choice: VersionChoice, revs: str) -> Iterator[tuple[str, str, str]]:
    commits = resolve_range(trees.repository.git, revs)
    for tip in commits.tips:
        for model in models_of(trees, choice, tip):
            for version in trees.versions(model, tip):
                if version.commit in commits:
                    yield version.path, version.commit, version.commit


def models_of(trees: VersionTrees, choice: VersionChoice, commit: str) -> list[str]:
    """The models of a commit, by its id, or of the index, that are chosen.

    Raises:
        UsageError: There's no such model, or no model at all.
    """
    tree = trees.tree(commit)
    names = [name for path in choice.models for name in _of_path(tree, path)]
    if not choice.models:
        names = sorted(tree.models)
        if not names:
            raise UsageError("there are no models here", "track them and add them: git theta track, git add")
    if choice.base:
        before = trees.tree(choice.base)
        names = [
            name
            for name in names
            if name not in before.models or before.blobs_of(name) != tree.blobs_of(name)
        ]
    return list(dict.fromkeys(names))


def _of_path(tree: LineageTree, path: str) -> list[str]:
    """The model of a path, or all models of a folder."""
    if path in tree.models:
        return [path]
    inside = sorted(name for name in tree.models if name.startswith(f"{path.rstrip('/')}/"))
    try:
        return inside or [find_name(tree, path)]
    except UsageError as error:
        where = "the index" if tree.rev is None else tree.rev[:10]
        raise UsageError(f"{path} is neither a test nor a model of {where}", error.hint) from error
