"""Runs of tests on several versions, each compared with the version before and with the model's parents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.evaluation.comparison import ComparedResult
from git_theta.evaluation.result import TestResult
from git_theta.git.evaluation.chosen_versions import ChosenVersion
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.found_parent import find_parent
from git_theta.git.evaluation.test_job import TestJob, version_job
from git_theta.git.evaluation.version_trees import VersionTrees


@dataclass(frozen=True, slots=True)
class RunChoices:
    """The user's choices about a run.

    Attributes:
        previous: Whether results are compared with those of the version before.
        parents: Whether results are compared with those of the models' parents.
        base: The id of a commit whose version counts as the one before; empty for the last other version.
        jobs: The number of commands that run at once.
        again: Whether commands run even if they ran on the same content before.
    """

    previous: bool = True
    parents: bool = True
    base: str = ""
    jobs: int = 1
    again: bool = False


def compared_run(
    trees: VersionTrees,
    evaluator: Evaluator,
    chosen: Sequence[ChosenVersion],
    choices: RunChoices,
    report: Callable[[TestResult], object] = lambda _result: None,
) -> list[ComparedResult]:
    """Run tests, and compare their results.

    A version that can't be tested has a failed result, which says why, and doesn't keep others from it.

    Args:
        trees: Trees of the repository.
        evaluator: Runs the tests.
        chosen: The versions.
        choices: The user's choices.
        report: Called with each result as soon as it's there, from any thread.
    """
    if choices.previous and not choices.base:
        for commit in dict.fromkeys(each.commit for each in chosen):
            trees.read_versions((each.model for each in chosen if each.commit == commit), commit or "HEAD")
    previous = {each: _previous(trees, each, choices) for each in chosen}
    parents = {each: _parents(trees, each) if choices.parents else [] for each in chosen}
    places = dict.fromkeys(chosen)
    places.update(dict.fromkeys(each for each in previous.values() if each))
    places.update(dict.fromkeys(each for several in parents.values() for each in several))
    wanted = set(chosen)
    jobs = {place: _job(trees, place) for place in places}

    def run(place: ChosenVersion) -> TestResult:
        job = jobs[place]
        if isinstance(job, TestJob):
            try:
                result = evaluator.run(job, again=choices.again and place in wanted)
                if result.is_cached and not result.ok and place in wanted:
                    # The machine may have been the reason, and users may just have mended it.
                    result = evaluator.run(job, again=True)
            except ThetaError as error:
                result = _failed(place, error)
        else:
            result = job
        report(result)
        return result

    with suppress(ThetaError):
        # A job that can't be run says so in its turn.
        evaluator.expect(job for job in jobs.values() if isinstance(job, TestJob))
    with ThreadPoolExecutor(max(1, choices.jobs)) as pool:
        futures = {place: pool.submit(run, place) for place in places}
        try:
            results = {place: future.result() for place, future in futures.items()}
        except BaseException:
            # The pool waits for its threads, which wait for commands.
            evaluator.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [
        ComparedResult(
            each.test,
            results[each],
            each.commit,
            results[before] if (before := previous[each]) else None,
            tuple(results[parent] for parent in parents[each]),
        )
        for each in chosen
    ]


def _job(trees: VersionTrees, place: ChosenVersion) -> TestJob | TestResult:
    try:
        return version_job(trees.tree(place.commit), place.test, place.model, place.rev)
    except ThetaError as error:
        return _failed(place, error)


def _failed(place: ChosenVersion, error: ThetaError) -> TestResult:
    return TestResult(place.test.name, place.model, place.rev, "", None, False, False, 0.0, error.one_line)


def _previous(trees: VersionTrees, place: ChosenVersion, choices: RunChoices) -> ChosenVersion | None:
    """The version before: that of the base, or the last one in history with other parameters."""
    if not choices.previous:
        return None
    if choices.base:
        has = place.model in trees.tree(choices.base).models and choices.base != place.commit
        return ChosenVersion(place.test, place.model, choices.base, choices.base) if has else None
    facts = trees.tree(place.commit).facts_or_none(place.model)
    if facts is None:
        return None
    for version in trees.versions(place.model, place.commit or "HEAD"):
        if version.model and version.model != facts.model:
            return ChosenVersion(place.test, version.path, version.commit, version.commit)
    return None


def _parents(trees: VersionTrees, place: ChosenVersion) -> list[ChosenVersion]:
    """The versions of the model's parents that it was made from, as far as the test is for them."""
    graph, tree = trees.graph(place.commit), trees.tree(place.commit)
    found = []
    for edge in graph.derivations_of(place.model) if place.model in graph.models else ():
        version = find_parent(tree, edge)
        if version and version.commit is not None:
            found.append(ChosenVersion(place.test, version.model, version.commit, version.commit))
        elif version:
            found.append(ChosenVersion(place.test, version.model, place.rev, place.commit))
    return [each for each in found if trees.is_for(place.test, each.model, each.commit)]
