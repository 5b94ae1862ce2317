"""`git theta add`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import click

from git_theta.cli.lossy_report import print_costs, tell_cost
from git_theta.cli.render import print_json, ratio
from git_theta.errors import ThetaError, UsageError
from git_theta.evaluation.model_test import ModelTest, find_test
from git_theta.evaluation.tests_text import parse_drop
from git_theta.git.evaluation.tracked_tests import read_tests
from git_theta.git.install.set_up import check_set_up
from git_theta.git.lossy.store_guarded import GuardedRequest, store_guarded
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.paths import work_tree_path
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.model_paths import model_paths
from git_theta.git.worktree.record_update import record_update
from git_theta.git.worktree.sideload import SideloadOptions, sideload
from git_theta.git.worktree.store_lossy import store_lossy
from git_theta.git.worktree.update_files import update_files
from git_theta.git.worktree.update_target import UpdateResult, combined_results
from git_theta.git.worktree.workspace import Workspace
from git_theta.lineage.graph import LineageError
from git_theta.lossy.report import as_json
from git_theta.report.text import human_size, plural, printable
from git_theta.runtime.output import say, warn
from git_theta.sideload.given_update import BUILTIN_TYPES, FromData, side_loaded
from git_theta.updates.side_loaded import Lossy
from git_theta.updates.sign import Sign

_DEFAULT_EPSILON = 1e-4
_DEFAULT_BUDGET = 24

_EPILOG = """\b
Examples:
  git theta add model.safetensors --update-type low-rank --update-data my-lora/
  git theta add model.safetensors --update-type low-rank --update-data runs:lora --scale 0.5
  git theta add model.safetensors --update-type sparse --update-data change.safetensors
  git theta add model.safetensors --update-type quantized
  git theta add models/*.safetensors --update-type quantized --guard accuracy --max-drop 2%
"""


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of the command, as the user gave them."""

    data: str | None
    epsilon: float | None
    scale: float | None
    base: str
    tied: bool
    again: bool
    guards: tuple[str, ...]
    max_drop: str | None
    budget: int | None
    exact: tuple[str, ...]
    is_dry: bool
    as_json: bool


@click.command("add", epilog=_EPILOG, short_help="Add a checkpoint as given updates.")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--update-type",
    "kind",
    required=True,
    metavar="TYPE",
    help=f"The type of the updates: {', '.join(BUILTIN_TYPES)}, or the name of a plugin's update.",
)
@click.option(
    "--update-data",
    "data",
    metavar="PATH",
    help="A checkpoint file of updates; or PEFT's folder of a LoRA or IA3 adapter, or its file; "
    "or REV:PATH of one.",
)
@click.option(
    "--epsilon",
    type=float,
    metavar="NUMBER",
    help="For quantized: the error bound; values move in steps of 2*ln(1+epsilon). The default is 1e-4; "
    "with --guard, the tests alone decide.",
)
@click.option(
    "--scale", type=float, metavar="NUMBER", help="For low-rank: a factor for the products that are added."
)
@click.option(
    "--base",
    metavar="REV",
    default="",
    help="Apply the updates to the version of MODEL in this commit; with --guard, also to that of REV:PATH.",
)
@click.option(
    "--tied",
    is_flag=True,
    help="Where an adapter replaces an embedding, change the output layer tied to it, too.",
)
@click.option("--again", is_flag=True, help="Apply updates that MODEL has already once more.")
@click.option(
    "--guard",
    "guards",
    metavar="NAME",
    multiple=True,
    help="For lossy types: store as nearly as this test allows; may be repeated.",
)
@click.option(
    "--max-drop",
    metavar="DROP",
    help="With --guard: the most that the metric may get worse, such as 0.02, or 2% of it. "
    "The default is the test's own.",
)
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"With --guard: the most candidates of each model that are tested; {_DEFAULT_BUDGET} by default.",
)
@click.option(
    "--exact",
    metavar="GLOB",
    multiple=True,
    help="With --guard: parameters that stay exact; may be repeated.",
)
@click.option(
    "--record/--no-record",
    "is_recorded",
    default=True,
    help="Whether updates that Git has as a model, such as an adapter, are recorded as a parent of MODEL.",
)
@click.option("--dry-run", "is_dry", is_flag=True, help="With --guard: test and report, and store nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --guard: print the report as JSON.")
def command(
    models: tuple[str, ...],
    kind: str,
    data: str | None,
    epsilon: float | None,
    scale: float | None,
    base: str,
    tied: bool,
    again: bool,
    guards: tuple[str, ...],
    max_drop: str | None,
    budget: int | None,
    exact: tuple[str, ...],
    is_recorded: bool,
    is_dry: bool,
    as_json: bool,
) -> None:
    """Store exactly the given updates, and nothing more.

    MODEL is a checkpoint; or the index of a model's shards, such as model.safetensors.index.json, or the
    model's folder, for updates of all shards.

    The updates apply to the version of MODEL that is staged, or else committed. The result is written to
    the work tree and staged. If MODEL has changed in the work tree already, for example by a merged
    adapter, the changed file is staged, bit for bit, and stored by means of the updates.

    A file of updates names its tensors after MODEL's parameters. low-rank has NAME/R and NAME/C, whose
    matrix product is added; of a stack of matrices, such as the weights of experts, they may be stacks, too.
    ia3 has NAME/ia3, which is multiplied, with numpy's broadcasting. sparse has NAME/data, NAME/indices,
    NAME/indptr and NAME/shape, a matrix in compressed sparse rows that is added. dense has NAME, the new
    value.

    If Git has the data as a model, such as an adapter, it becomes a parent of MODEL in the lineage record,
    which is staged, too. The version that was updated is in MODEL's history.

    The types quantized and sign are lossy and need no data: changes in the work tree are rounded to whole
    steps from the previous version, or to plus or minus one number for each row of a matrix, and the result
    overwrites MODEL. There may be several models.

    With --guard, the coarsest steps are looked for with which the models hold a test: for all parameters at
    first, then parameter by parameter. Steps start from an earlier version, from a parent in the lineage, or
    from zero. Either all models are stored so, or nothing changes.
    """
    options = _Options(
        data, epsilon, scale, base, tied, again, guards, max_drop, budget, exact, is_dry, as_json
    )
    update = side_loaded(kind)
    _check(update, kind, options)
    git = Git()
    repository = Repository(git).at_top()
    check_set_up(repository.git)
    paths = tuple(work_tree_path(git, model) for model in models)
    if isinstance(update, Lossy) and guards:
        with Workspace(repository) as workspace:
            _store_guarded(workspace, paths, update, options)
        return
    files = [file for path in paths for file in model_paths(repository.git, path)]
    with Workspace(repository) as workspace:
        if data and isinstance(update, FromData):
            if len(models) > 1:
                raise UsageError(f"an update of type {kind} is for one model", "add one after the other")
            sideload_options = SideloadOptions(scale, base, again, tied)
            with update_files(workspace, data) as place:
                outcome = sideload(workspace, files, update, place, sideload_options)
        else:
            assert isinstance(update, Lossy)  # noqa: S101
            bound = epsilon or _DEFAULT_EPSILON
            outcome = combined_results([store_lossy(workspace, file, update, bound) for file in files])
    _say_outcome(", ".join(models), outcome)
    if data and outcome.changed and is_recorded:
        _record(git, repository, paths[0], data)


def _record(git: Git, repository: Repository, path: str, data: str) -> None:
    """Record updates that Git has as a parent of the model, and say so."""
    try:
        name = record_update(git, repository, path, data)
    except LineageError as error:
        # Mostly, an adapter was trained on the model that it's put into: only versions tell the two apart.
        warn(f"not recorded: {error.message}")
        return
    except ThetaError as error:
        raise ThetaError(f"{path} is staged, but its record isn't: {error.message}", error.hint) from error
    if name:
        say(f"Recorded as adapted by {printable(name)} (--no-record leaves that out).")


def _check(update: FromData | Lossy, kind: str, options: _Options) -> None:
    """Check that the options fit each other.

    Raises:
        UsageError: Some don't.
    """
    epsilon, scale, is_lossy = options.epsilon, options.scale, isinstance(update, Lossy)
    if options.data is None and not is_lossy:
        raise UsageError(f"an update of type {kind} needs --update-data")
    if options.data is not None and not isinstance(update, FromData):
        raise UsageError(f"an update of type {kind} needs no --update-data")
    if epsilon is not None and not is_lossy:
        raise UsageError("--epsilon is for lossy updates, such as --update-type quantized")
    if epsilon is not None and isinstance(update, Sign) and not options.guards:
        raise UsageError("an update of type sign has no error bound", "leave --epsilon out")
    if epsilon is not None and not (math.isfinite(epsilon) and epsilon > 0):
        raise UsageError(f"--epsilon {epsilon:g} isn't a positive number")
    if scale is not None and not math.isfinite(scale):
        raise UsageError(f"--scale {scale:g} isn't a finite number")
    if options.guards and not is_lossy:
        raise UsageError("--guard is for lossy updates, such as --update-type quantized")
    if is_lossy:
        given = {"--scale": scale is not None, "--tied": options.tied, "--again": options.again}
        for option in (name for name, is_given in given.items() if is_given):
            raise UsageError(f"{option} is for updates with --update-data")
        if options.base and not options.guards:
            raise UsageError(f"--base of an update of type {kind} needs --guard")
    guarded = {
        "--max-drop": options.max_drop is not None,
        "--budget": options.budget is not None,
        "--exact": bool(options.exact),
        "--dry-run": options.is_dry,
        "--json": options.as_json,
    }
    for option in (name for name, is_given in guarded.items() if is_given and not options.guards):
        raise UsageError(f"{option} needs --guard", "git theta test list shows the tests")


def _store_guarded(workspace: Workspace, paths: tuple[str, ...], update: Lossy, options: _Options) -> None:
    tests = read_tests(workspace.repository)
    request = GuardedRequest(
        paths,
        update,
        tuple(_guard(find_test(tests, name), options.max_drop) for name in dict.fromkeys(options.guards)),
        options.epsilon,
        options.base,
        options.exact,
        options.budget or _DEFAULT_BUDGET,
        options.is_dry,
    )
    costs = store_guarded(workspace, request, lambda cost: None if options.as_json else tell_cost(cost))
    if options.as_json:
        print_json(as_json(costs))
    else:
        print_costs(costs, is_dry=options.is_dry)


def _guard(test: ModelTest, max_drop: str | None) -> ModelTest:
    """A test with the drop that is allowed.

    Raises:
        UsageError: It has a metric, and nothing says how much worse that may get.
    """
    if max_drop is not None:
        value, is_share = parse_drop(max_drop)
        if not test.metric:
            raise UsageError(f"test {test.name} has no metric that could drop", "leave --max-drop out")
        return replace(test, max_drop=value, is_share=is_share)
    if test.metric and test.max_drop is None:
        raise UsageError(f"test {test.name} doesn't say how far its metric may drop", "--max-drop 2%")
    return test


def _say_outcome(model: str, outcome: UpdateResult) -> None:
    if not outcome.changed:
        say("Nothing changed.")
        return
    share = ratio(outcome.stored, outcome.size)
    say(
        f"{plural(outcome.changed, 'parameter')} changed: "
        f"{human_size(outcome.size)} stored as {human_size(outcome.stored)} ({share})."
    )
    say(f"{model} is {'written and staged' if outcome.written else 'staged as it is'}.")
