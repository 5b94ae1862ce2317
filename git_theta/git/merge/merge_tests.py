"""Tests of the models that a merge made, before it's committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult, check_undisturbed, is_regression
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.tracked_tests import read_tests
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.lineage.tree import LineageTree


@dataclass(frozen=True, slots=True)
class MergedModelTest:
    """A test of a merged model, and of its versions on the merged sides.

    Attributes:
        test: The test.
        model: The model's path.
        merged: The result of the merged model.
        sides: The results of the sides, ours first; `None` where a side doesn't have the model.
    """

    test: ModelTest
    model: str
    merged: TestResult
    sides: tuple[TestResult | None, ...]

    @property
    def is_worse(self) -> bool:
        """Whether the merged model fails where ours doesn't, or drops from ours by more than may be."""
        ours, merged = self.sides[0], self.merged
        if merged.is_skipped:
            return False
        if not merged.ok:
            return ours is None or ours.ok
        if ours is None or ours.value is None or merged.value is None:
            return False
        return is_regression(self.test, ours.value, merged.value)


def merged_models(trees: VersionTrees, merge: str, parents: Sequence[str]) -> list[str]:
    """The models of a merge that are as in none of its parents, in the order of their names.

    Args:
        trees: Trees of the repository.
        merge: The id of the merge commit; empty for the index.
        parents: Ids of the parents.
    """
    names = set(trees.tree(merge).models)
    for parent in parents:
        names = {name for name in names if not _is_same(trees.tree(merge), trees.tree(parent), name)}
    return sorted(names)


def merge_tests(
    trees: VersionTrees, evaluator: Evaluator, merge: str, parents: Sequence[str]
) -> Iterator[MergedModelTest]:
    """Run the tests of all merged models; one after the other, as results are asked for.

    Args:
        trees: Trees of the repository.
        evaluator: Runs tests.
        merge: The id of the merge commit; empty for the index.
        parents: Ids of the parents, ours first.

    Raises:
        ThetaError: A test can't run.
    """
    tests = read_tests(trees.repository)
    for model in merged_models(trees, merge, parents) if tests else ():
        for test in tests:
            if trees.is_for(test, model, merge):
                sides = tuple(
                    evaluator.evaluate(test, model, parent) if model in trees.tree(parent).models else None
                    for parent in parents
                )
                merged = evaluator.evaluate(test, model, merge)
                for result in (merged, *filter(None, sides)):
                    check_undisturbed(result)
                yield MergedModelTest(test, model, merged, sides)


def _is_same(merge: LineageTree, other: LineageTree, name: str) -> bool:
    if name not in other.models:
        return False
    if merge.blobs_of(name) == other.blobs_of(name):
        return True
    try:
        return merge.facts(name).model == other.facts(name).model
    except ThetaError:
        return False
