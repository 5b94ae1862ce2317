"""`git theta bisect`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import click

from git_theta.bisection.bisection import Outcome
from git_theta.cli.bisect_report import effort_lines, finding_json, finding_lines, progress_line, tested_json
from git_theta.cli.render import print_json
from git_theta.errors import ThetaError, UsageError
from git_theta.evaluation.comparison import number
from git_theta.evaluation.model_test import ModelTest, check_test, find_test
from git_theta.evaluation.tests_text import parse_drop
from git_theta.git.bisection.best_recorded import best_recorded
from git_theta.git.bisection.bisect_ancestry import bisect_ancestry
from git_theta.git.bisection.bisect_versions import BisectEnds, bisect_versions
from git_theta.git.bisection.finding import Finding, finding
from git_theta.git.bisection.model_dag import ModelAt
from git_theta.git.bisection.version_runs import TestedModel, VersionRuns
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.tracked_tests import read_tests
from git_theta.git.history.model_history import ModelHistory
from git_theta.git.history.revisions import path_from_top, resolve_commit
from git_theta.git.lineage.edit_record import find_name
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say, warn

#: The key of `click.Context.meta` that has the words after `--`.
_WORDS = "git_theta.bisect.words"

#: The name of a test that the command line gives.
_GIVEN = "command"

_EPILOG = """\b
Examples:
  git theta bisect accuracy sst2/model.safetensors
  git theta bisect accuracy --good v1.0 --max-drop 0.02 sst2/model.safetensors
  git theta bisect accuracy --ancestry merged/model.safetensors
  git theta bisect --threshold 0.9 --metric json:accuracy model.pt -- python evaluate.py {model}
"""


class _CommandAfterDashes(click.Command):
    """A command whose words after `--` are those of another one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words after `--`."""
        own = args[: args.index("--")] if "--" in args else args
        ctx.meta[_WORDS] = tuple(args[len(own) + 1 :])
        return super().parse_args(ctx, own)


@click.command(
    "bisect",
    cls=_CommandAfterDashes,
    epilog=_EPILOG,
    short_help="Find the version of a model that broke it.",
    options_metavar="[OPTIONS]",
)
@click.argument("names", nargs=-1, metavar="[TEST] MODEL [-- COMMAND]")
@click.option("--bad", default="HEAD", metavar="REV", help="A version that fails; by default HEAD.")
@click.option(
    "--good", metavar="REV", help="A version that passes; by default that with the best recorded metric."
)
@click.option(
    "--ancestry", is_flag=True, help="First along derivations: to the first ancestors that fail, then theirs."
)
@click.option(
    "--threshold", type=float, metavar="X", help="Versions with a worse value than this one are bad."
)
@click.option(
    "--max-drop",
    metavar="X",
    help="Versions are bad whose value is worse by more than this, 0.01 or 2%; by default, that of the test.",
)
@click.option("--metric", default="", metavar="PLACE", help="With COMMAND: json:KEY or regex:PATTERN.")
@click.option("--lower", is_flag=True, help="With COMMAND: lower values of the metric are better.")
@click.option(
    "--repeat", type=click.IntRange(1), default=1, metavar="N", help="Run the test of each version N times."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    bad: str,
    good: str | None,
    ancestry: bool,
    threshold: float | None,
    max_drop: str | None,
    metric: str,
    lower: bool,
    repeat: int,
    as_json: bool,
) -> None:
    """Find the version of MODEL that first fails a test, in few runs of the test.

    TEST is the name of one of the repository's tests (git theta test); or COMMAND is run, with {model} for
    the path of a copy of the version. Work tree, index, HEAD and the refs of git bisect stay as they are.

    The versions are the commits that changed the model, on all lines of history; renames are followed. They
    are chosen as git bisect does, so that 128 versions need at most 8 runs. Results of earlier runs on the
    same content are taken as they are.

    A version is bad if the command fails. It's also bad if its metric is worse than --threshold; or worse by
    more than the drop that is allowed, --max-drop or that of the test, than the metric of the good version.
    Without a good version, it's the one with the best metric that is recorded (git theta test run --record);
    if none is, those versions are good that the bad one is worse than, by more than that drop.

    Exit code 125 says that a version can't be tested. With --repeat, the majority of the runs decides about a
    version, and versions whose runs disagree are named.

    With --ancestry, the models that MODEL was made from are searched first, in the versions that it was made
    from. All that fail, while nothing that they were made from does, are searched in turn.

    The result is the commit, the parameters that it changed, and the models that were made from bad versions.
    The exit code is 1 if it isn't known which one of several versions it is, as these can't be tested.
    """
    git = Git()
    repository = Repository(git)
    if ancestry and good:
        raise click.UsageError("--good isn't for --ancestry, which searches back to the first versions")
    if threshold is not None and max_drop is not None:
        raise click.UsageError("--threshold and --max-drop exclude each other")
    if threshold is not None and not math.isfinite(threshold):
        raise click.UsageError("--threshold is a finite number")
    test, word = _test(repository, names, ctx.meta[_WORDS], metric, lower=lower)
    if max_drop is not None:
        value, is_share = parse_drop(max_drop)
        test = replace(test, max_drop=value, is_share=is_share)
        check_test(test)
    tip = resolve_commit(git, bad)
    with LineageTree(repository, tip) as tree:
        name = find_name(tree, path_from_top(git, word))
    good_end = ModelAt(resolve_commit(git, good), name) if good else None
    ends = BisectEnds(ModelAt(tip, name), good_end, threshold)
    is_compared = test.metric and test.max_drop is not None and threshold is None
    with ManifestReader(git) as manifests, Evaluator(repository) as evaluator:
        runs = VersionRuns(evaluator, ModelHistory(git, manifests), test, repeat)
        runs.report = lambda tested, outcome, left: _report(runs, tested, outcome, left)
        if is_compared and not (good or ancestry or ctx.meta[_WORDS]):
            ends = replace(ends, good=_best_recorded(repository, runs, ends.bad))
        findings = _searched(repository, runs, ends, ancestry=ancestry)
    if as_json:
        first, *others = map(finding_json, findings)
        more = {"others": others} if ancestry else {}
        print_json({**first, "test": test.name, "runs": runs.runs, **more, "tested": tested_json(runs)})
    else:
        for found in findings:
            say(*finding_lines(found, test.name))
        say(*effort_lines(runs, findings))
    doubtful = next((found for found in findings if found.suspects), None)
    if doubtful:
        count = plural(len(doubtful.suspects), "commit")
        raise ThetaError(f"the first bad version is one of {count}, which can't all be tested")


def _test(
    repository: Repository, names: Sequence[str], words: Sequence[str], metric: str, *, lower: bool
) -> tuple[ModelTest, str]:
    """The test, and the word that names the model."""
    if words:
        if len(names) != 1:
            raise click.UsageError("before -- COMMAND, there's one name, that of the model")
        test = ModelTest(_GIVEN, tuple(words), metric=metric, higher_is_better=not lower)
        check_test(test)
        return test, names[0]
    if metric or lower:
        raise click.UsageError("--metric and --lower are for a command: a test has its own")
    if len(names) != 2:
        raise UsageError("which test, and which model?", "git theta bisect TEST MODEL")
    return find_test(read_tests(repository), names[0]), names[1]


def _best_recorded(repository: Repository, runs: VersionRuns, end: ModelAt) -> ModelAt | None:
    """The version with the best recorded metric, for the good end, if it still passes; the user is told."""
    found = best_recorded(repository, runs.test, end)
    if not found:
        return None
    version, value = found
    best = f"{version.commit[:10]} has the best {printable(runs.test.name)} that is recorded, {number(value)}"
    if runs.test_version(version).outcome(runs.criterion) is not Outcome.GOOD:
        warn(f"{best}, but doesn't pass any more: all of history is searched")
        return None
    warn(f"{best}: as --good")
    return version


def _searched(
    repository: Repository, runs: VersionRuns, ends: BisectEnds, *, ancestry: bool
) -> list[Finding]:
    tip, name = ends.bad.commit, ends.bad.name
    if not ancestry:
        return [finding(repository, runs, bisect_versions(runs, ends), tip, name)]
    result = bisect_ancestry(
        repository,
        runs,
        ends,
        lambda model: warn(f"{printable(model.name)} fails, and nothing that it was made from does"),
    )
    warn(*map(printable, result.notes))
    for suspects in result.suspects:
        if suspects:
            listed = ", ".join(sorted(printable(each.name) for each in suspects))
            warn(f"these ancestors can't be tested, and may fail, too: {listed}")
    return [finding(repository, runs, found, tip, found.bad.name) for found in result.found]


def _report(runs: VersionRuns, tested: TestedModel, outcome: Outcome, left: int) -> None:
    warn(progress_line(tested, outcome, left, is_flaky=tested.is_flaky(runs.criterion)))
