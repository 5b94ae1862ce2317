"""`git theta merge --search`: strategies and options tried by a test, as a table, and the best of them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from git_theta.cli.merge_tests import MergeHeldError, result_text
from git_theta.cli.render import print_json, print_table
from git_theta.errors import GitError, ThetaError
from git_theta.evaluation.comparison import number
from git_theta.evaluation.model_test import ModelTest, find_test
from git_theta.evaluation.result import TestResult, is_regression
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.result_cache import ResultCache
from git_theta.git.evaluation.tracked_tests import read_tests
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.jobs.evaluate_elsewhere import TestsElsewhere, evaluated_elsewhere
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.merge.merge_trials import MergeTrials, merge_trials
from git_theta.git.merge.merged_model_job import merges_elsewhere
from git_theta.git.merge.parents import independent_parents
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.repository.given_base import base_id
from git_theta.git.repository.repository import Repository
from git_theta.merging.rules import MergeRule
from git_theta.merging.search.strategy_search import (
    MergeTrial,
    first_rules,
    search_strategies,
    searched_strategies,
)
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say, warn


@dataclass(frozen=True, slots=True)
class MergeSearch:
    """A search for a strategy.

    Attributes:
        test: Name of the test.
        branches: The branches to merge.
        budget: The number of tests, at most.
        given: The strategy whose options are searched; `None` for all.
        more: Further rules of the user.
        all_parameters: Whether strategies are for parameters that only one side changed, too.
        base: The merge base of checkpoints, as the user named it.
        as_json: Whether to print JSON.
        executor: The address of an executor that runs the tests; empty to run them here.
    """

    test: str
    branches: Sequence[str]
    budget: int
    given: MergeRule | None = None
    more: Sequence[MergeRule] = ()
    all_parameters: bool | None = None
    base: str = ""
    as_json: bool = False
    executor: str = ""


@dataclass(frozen=True, slots=True)
class BestMerge:
    """The best of all trials.

    Attributes:
        best: The trial.
        rules: The rules of the merge.
        sides: The ids of the merged commits.
    """

    best: MergeTrial
    rules: tuple[MergeRule, ...]
    sides: tuple[str, ...]


def search_merges(request: MergeSearch) -> BestMerge:
    """Try strategies and options, show the results as a table, and choose the best.

    Raises:
        MergeHeldError: The best is worse than ours, by more than the test allows.
        ThetaError: There's nothing to merge, a test can't run, or no trial succeeded.
    """
    repository = Repository(Git()).at_top()
    if (repository.git_dir / "MERGE_HEAD").exists():
        raise GitError(
            "a merge is going on already", "finish it: git commit; or give it up: git merge --abort"
        )
    test = find_test(read_tests(repository), request.test)
    base = base_id(repository.git, request.base) if request.base else ""
    parents = independent_parents(repository.git, request.branches)
    with VersionTrees(repository) as trees:
        trials = merge_trials(trees, test, parents, base, request.more, request.all_parameters)
        with (
            closing(ResultCache(repository.common_dir / "theta")) as cache,
            evaluated_elsewhere(repository, [test], request.executor, warn) as elsewhere,
        ):
            trials.cache = cache
            if elsewhere:
                trials.elsewhere = merges_elsewhere(elsewhere, trials, base)
            with Evaluator(repository, elsewhere=elsewhere, cache=cache) as evaluator:
                sides = [
                    [evaluator.evaluate(test, model.name, commit) for model in trials.models]
                    for commit in parents.sides
                ]
            tried = _tried(trials, request, len(parents.sides), elsewhere)
    ranked = sorted(
        (trial for trial in tried if trial.score is not None), key=lambda trial: -(trial.score or 0.0)
    )
    rows = _rows(trials, [*ranked, *(trial for trial in tried if trial.score is None)], sides)
    if not request.as_json:
        names = [model.name for model in trials.models]
        print_table(
            ("strategy", *(f">{name}" for name in (["value"] if len(names) == 1 else names)), ""), rows
        )
    if not ranked:
        raise ThetaError("no strategy gave a model that passes the test", tried[0].problem if tried else "")
    found = BestMerge(ranked[0], trials.rules(ranked[0].rule), tuple(parents.sides))
    words = shlex.join(["git", "theta", "merge", *_words(ranked[0].rule, request), *request.branches])
    if request.as_json:
        print_json(_json(test, trials, tried, ranked[0], sides, words))
    else:
        cost = sum(trial.cost for trial in tried)
        say("", f"best of {plural(len(tried), 'trial')}, with {plural(cost, 'test')}: {words}")
    _check(test, trials, found.best, sides[0])
    if trials.one_sided and any(rule.changes_everything for rule in found.rules):
        more = f" (and {len(trials.one_sided) - 1:,} more)" if len(trials.one_sided) > 1 else ""
        note(
            f"{found.best.rule} is for {printable(trials.one_sided[0])}{more}, too, which only one side "
            "changed and no trial had; --no-all-parameters takes it as it is"
        )
    return found


def check_unmoved(branches: Sequence[str], found: BestMerge) -> None:
    """Check that HEAD and the branches are where the search began.

    Raises:
        GitError: One has moved.
    """
    if tuple(independent_parents(Git(), branches).sides) != found.sides:
        raise GitError(
            "HEAD or a branch has moved while strategies were tried; nothing was merged",
            "search again: results for models that are the same are kept",
        )


def check_merged(best: MergeTrial) -> None:
    """Say so if the models that were merged aren't those that were tested; in the index."""
    repository = Repository(Git()).at_top()
    with LineageTree(repository) as tree:
        for name, digest in best.digests.items():
            if name in tree.models and tree.facts(name).model != digest:
                note(f"{printable(name)}: the merged model isn't the one that was tested: git theta test run")


def _tried(
    trials: MergeTrials, request: MergeSearch, models: int, elsewhere: TestsElsewhere | None
) -> list[MergeTrial]:
    given = (
        [request.given]
        if request.given
        else [MergeRule(name) for name in searched_strategies(models, has_base=trials.has_base)]
    )
    cost = len(trials.models)
    known: dict[MergeRule, MergeTrial] = {}
    if elsewhere:
        first = first_rules(given, models)[: request.budget // cost]
        known.update(zip(first, _at_once(trials, first, elsewhere), strict=True))

    def attempt(rule: MergeRule) -> MergeTrial:
        trial = known.pop(rule, None) or trials.attempt(rule)
        warn(f"{rule}: {_shown(trials, trial)}")
        return trial

    return search_strategies(given, models, attempt, request.budget, cost)


def _at_once(trials: MergeTrials, rules: Sequence[MergeRule], elsewhere: TestsElsewhere) -> list[MergeTrial]:
    """The trials of rules whose tests run on workers at the same time."""
    with ThreadPoolExecutor(max(1, len(rules))) as pool:
        futures = [pool.submit(trials.attempt, rule) for rule in rules]
        try:
            return [future.result() for future in futures]
        except BaseException:
            # The pool waits for its threads, which wait for workers.
            elsewhere.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _check(test: ModelTest, trials: MergeTrials, best: MergeTrial, ours: Sequence[TestResult]) -> None:
    """Check that the best is no regression.

    Raises:
        MergeHeldError: It is one.
    """
    for model, before in zip(trials.models, ours, strict=True):
        value = best.values[model.name]
        if before.value is not None and value is not None and is_regression(test, before.value, value):
            raise MergeHeldError(
                f"even the best merge of {printable(model.name)} is worse than ours by more than the test "
                f"{test.name} allows: {number(value)}, from {number(before.value)}; nothing was merged",
                "merge it with the command above if that's what you want, or search longer: --budget",
            )


def _rows(
    trials: MergeTrials, tried: Sequence[MergeTrial], sides: Sequence[Sequence[TestResult]]
) -> list[tuple[str, ...]]:
    names = [model.name for model in trials.models]
    titles = (
        ["(ours)", "(theirs)"]
        if len(sides) == 2
        else ["(ours)", *(f"(branch {i})" for i in range(1, len(sides)))]
    )
    rows = [
        (str(trial.rule), *(_value(trials, trial, name) for name in names), trial.problem[:80])
        for trial in tried
    ]
    return rows + [
        (title, *(result_text(result) for result in results), "")
        for title, results in zip(titles, sides, strict=True)
    ]


def _value(trials: MergeTrials, trial: MergeTrial, name: str) -> str:
    if trials.test.metric or trial.score is None:
        return number(trial.values.get(name))
    return "passes"


def _shown(trials: MergeTrials, trial: MergeTrial) -> str:
    if trial.score is None:
        return trial.problem or "fails"
    values = [number(trial.values.get(model.name)) for model in trials.models]
    return ", ".join(values) if trials.test.metric else "passes"


def _words(rule: MergeRule, request: MergeSearch) -> list[str]:
    """The options of `git theta merge` for a rule and what the user gave."""
    words = ["-s", rule.strategy]
    words += [word for key, value in rule.options for word in ("--set", f"{key}={value}")]
    words += [word for glob in rule.parameters if not rule.is_for_all for word in ("--param", glob)]
    for more in request.more:
        if more.strategy:
            words += ["--rule", str(more)]
        words += [word for rename in more.renames for word in ("--rename", str(rename))]
        words += ["--dtype", more.dtype] if more.dtype else []
        words += ["--rows", more.rows] if more.rows else []
    if request.all_parameters is not None:
        words.append("--all-parameters" if request.all_parameters else "--no-all-parameters")
    return [*words, *(["--base", request.base] if request.base else [])]


def _json(
    test: ModelTest,
    trials: MergeTrials,
    tried: Sequence[MergeTrial],
    best: MergeTrial,
    sides: Sequence[Sequence[TestResult]],
    words: str,
) -> dict[str, Any]:
    return {
        "test": test.name,
        "best": {"rule": str(best.rule), "values": dict(best.values), "command": words},
        "trials": [
            {"rule": str(trial.rule), "values": dict(trial.values), "problem": trial.problem}
            for trial in tried
        ],
        "sides": [
            {model.name: result.value for model, result in zip(trials.models, results, strict=True)}
            for results in sides
        ],
    }
