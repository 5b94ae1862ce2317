"""`git theta merge`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from git_theta import strategies
from git_theta.cli.executor_option import executor_option
from git_theta.cli.merge_search import MergeSearch, check_merged, check_unmoved, search_merges
from git_theta.cli.merge_tests import check_by_tests
from git_theta.cli.render import print_json
from git_theta.cli.rule import form_options, form_rules, rule_options, rules_of
from git_theta.errors import UsageError
from git_theta.git.merge.command import merge
from git_theta.git.merge.git_merge import MergeOptions
from git_theta.git.repository.merge_rules import for_command
from git_theta.merging.rules import MergeRule
from git_theta.runtime.output import say
from git_theta.strategies.base import summary_of
from git_theta.strategies.option_text import describe

_EPILOG = """\b
Examples:
  git theta merge -s ties --set density=0.3 fine-tune
  git theta merge -s average --set weights=0.5,0.3,0.2 one two      all at once
  git theta merge -s theirs --param 'classifier.*' fine-tune
  git theta merge -s ties --rule 'slerp t=0.3 parameters=*self_attn*' fine-tune
  git theta merge --rename 'module.*=*' --dtype BF16 fine-tune
  git theta merge -s ties --base llama-v1 --allow-unrelated-histories other
  git theta merge --search accuracy --budget 40 fine-tune
  git theta merge --list                   the strategies and their options
"""


@click.command("merge", epilog=_EPILOG, short_help="Merge branches, with a strategy for the models.")
@click.argument("branches", nargs=-1)
@click.option("-s", "--strategy", help="How to merge what several sides changed: average, ties, ours, …")
@rule_options()
@form_options()
@click.option(
    "--base",
    metavar="REV[:PATH]",
    help="Merge checkpoints with this base: for files that both sides added, or unrelated histories.",
)
@click.option(
    "--all-parameters/--no-all-parameters",
    default=None,
    help="Whether the strategy is also for parameters that only one side changed. By default, averages, "
    "linear, base, and task-arithmetic with options are.",
)
@click.option("-m", "--message", "messages", multiple=True, metavar="TEXT", help="The commit's message.")
@click.option("--no-edit", is_flag=True, help="Take the message as it is; open no editor.")
@click.option("--no-commit", is_flag=True, help="Merge one branch, and stop before the commit.")
@click.option("--no-ff", is_flag=True, help="Make a commit even where HEAD could simply be moved.")
@click.option("--ff-only", is_flag=True, help="Only move HEAD, and fail where that isn't enough.")
@click.option("--allow-unrelated-histories", "unrelated", is_flag=True, help="As in git merge.")
@click.option(
    "--test",
    "with_tests",
    is_flag=True,
    help="Run the tests of the merged models before the commit, and stop if one is worse than ours.",
)
@click.option(
    "--search",
    metavar="TEST",
    help="Try strategies and their options by a test, and merge with the best; with -s, options of that one.",
)
@click.option(
    "--budget",
    type=click.IntRange(1),
    default=30,
    metavar="N",
    help="With --search: the number of tests, at most; by default 30.",
)
@executor_option
@click.option("--dry-run", is_flag=True, help="With --search: show the results, and merge nothing.")
@click.option("--list", "as_list", is_flag=True, help="List the strategies and their options.")
@click.option("--json", "as_json", is_flag=True, help="With --list, or --search and --dry-run: print JSON.")
def command(
    branches: tuple[str, ...],
    strategy: str | None,
    settings: tuple[str, ...],
    parameters: tuple[str, ...],
    rules: tuple[str, ...],
    renames: tuple[str, ...],
    dtype: str | None,
    rows: str | None,
    base: str | None,
    all_parameters: bool | None,
    messages: tuple[str, ...],
    no_edit: bool,
    no_commit: bool,
    no_ff: bool,
    ff_only: bool,
    unrelated: bool,
    with_tests: bool,
    search: str | None,
    budget: int,
    executor: str,
    dry_run: bool,
    as_list: bool,
    as_json: bool,
) -> int:
    """Merge branches into the current one.

    Parameters that several sides changed are merged by the strategy; without -s, by the rules of the
    repository, or else by `average`. Parameters that only one side changed are taken from it, unless the
    strategy of -s is for all parameters.

    One branch is merged by `git merge`, and conflicts are settled by `git theta resolve`.

    Several branches become one commit with all of them as parents, and every model is merged from all sides
    at once. A conflict, in any file, stops that, and nothing has changed.

    With --test, the repository's tests (git theta test) of the models that are as in none of the branches run
    before the commit. If one fails, or its metric drops from that of ours by more than the test allows, the
    merge of one branch stays uncommitted; several branches change nothing.

    With --search, models that several sides changed are merged in many ways, each of which is tested on a
    scratch copy. All strategies are tried with their defaults, then weights, densities, scales and positions
    of the best two, and numbers that change from layer to layer. The best result is merged as by the command
    that is shown. Results are kept: a search that's begun anew runs what it hasn't run before. If even the
    best one drops from ours by more than the test allows, nothing is merged.
    """
    if as_list:
        _list(as_json)
        return 0
    if executor and not search:
        raise UsageError("--executor is for --search")
    if dry_run and not search:
        raise UsageError("--dry-run is for --search")
    if as_json and not dry_run:
        raise UsageError("--json is for --list, or for --search and --dry-run")
    if not branches:
        raise UsageError("which branch is to be merged?", "git theta merge BRANCH…")
    if no_ff and ff_only:
        raise UsageError("--no-ff and --ff-only exclude each other")
    given, form = rules_of(strategy, settings, parameters, rules), form_rules(renames, dtype, rows)
    options = MergeOptions(
        rules=() if search else (*_chosen(given, all_parameters), *form),
        base=base or "",
        messages=messages,
        commit=not no_commit,
        fast_forward="only" if ff_only else "never" if no_ff else "allow",
        unrelated=unrelated,
        edit=not no_edit,
    )
    check = check_by_tests if with_tests else None
    if not search:
        return merge(branches, options, check)
    found = search_merges(
        MergeSearch(
            search,
            branches,
            budget,
            given[0] if strategy else None,
            (*given[1 if strategy else 0 :], *form),
            all_parameters,
            base or "",
            as_json,
            executor,
        )
    )
    if dry_run:
        return 0
    check_unmoved(branches, found)
    code = merge(branches, replace(options, rules=found.rules), check)
    if code == 0:
        check_merged(found.best)
    return code


def _chosen(rules: tuple[MergeRule, ...], wanted: bool | None) -> tuple[MergeRule, ...]:
    """The rules, for all parameters if the user wants that, or doesn't say and the strategy is meant so."""
    if not rules and wanted is not None:
        raise UsageError("--all-parameters needs a strategy", "for example: -s average")
    return tuple(for_command(rule, wanted) for rule in rules)


def _list(as_json: bool) -> None:
    found = list(_strategies())
    if as_json:
        print_json(found)
        return
    width = max(len(option["name"]) + len(option["default"]) for row in found for option in row["options"])
    for row in found:
        say(f"{row['name']}: {row['summary']}")
        for option in row["options"]:
            say(f"  {option['name'] + '=' + option['default']:<{width + 1}}  {option['meaning']}")


def _strategies() -> Iterator[dict[str, Any]]:
    for strategy in strategies.registry():
        yield {
            "name": strategy.name,
            "summary": summary_of(strategy),
            "needs_base": strategy.needs_base,
            "most": strategy.max_models,
            "options": [
                {
                    "name": option.name,
                    "kind": option.kind,
                    "default": option.default,
                    "meaning": option.help,
                }
                for option in describe(strategy)
            ],
        }
