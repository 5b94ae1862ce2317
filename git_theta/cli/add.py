"""`git theta add`."""

from __future__ import annotations

import math

import click

from git_theta.cli.render import ratio
from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.paths import work_tree_path
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.model_paths import model_paths
from git_theta.git.worktree.sideload import SideloadOptions, sideload
from git_theta.git.worktree.store_lossy import store_lossy
from git_theta.git.worktree.update_files import update_files
from git_theta.git.worktree.update_target import combined_results
from git_theta.git.worktree.workspace import Workspace
from git_theta.report.text import human_size, plural
from git_theta.runtime.output import say
from git_theta.sideload.given_update import BUILTIN_TYPES, FromData, side_loaded
from git_theta.updates.side_loaded import Lossy
from git_theta.updates.sign import Sign

_DEFAULT_EPSILON = 1e-4

_EPILOG = """\b
Examples:
  git theta add model.safetensors --update-type low-rank --update-data my-lora/
  git theta add model.safetensors --update-type low-rank --update-data runs:lora --scale 0.5
  git theta add model.safetensors --update-type sparse --update-data change.safetensors
  git theta add model.safetensors --update-type quantized
"""


@click.command("add", epilog=_EPILOG, short_help="Add a checkpoint as given updates.")
@click.argument("model", type=click.Path())
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
    help="For quantized: the error bound; values move in steps of 2*ln(1+epsilon). The default is 1e-4.",
)
@click.option(
    "--scale", type=float, metavar="NUMBER", help="For low-rank: a factor for the products that are added."
)
@click.option(
    "--base", metavar="REV", default="", help="Apply the updates to the version of MODEL in this commit."
)
@click.option(
    "--tied",
    is_flag=True,
    help="Where an adapter replaces an embedding, change the output layer tied to it, too.",
)
@click.option("--again", is_flag=True, help="Apply updates that MODEL has already once more.")
def command(
    model: str,
    kind: str,
    data: str | None,
    epsilon: float | None,
    scale: float | None,
    base: str,
    tied: bool,
    again: bool,
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

    The types quantized and sign are lossy and need no data: changes in the work tree are rounded to whole
    steps from the previous version, or to plus or minus one number for each row of a matrix, and the result
    overwrites MODEL.
    """
    update = side_loaded(kind)
    if data is None and not isinstance(update, Lossy):
        raise UsageError(f"an update of type {kind} needs --update-data")
    if data is not None and not isinstance(update, FromData):
        raise UsageError(f"an update of type {kind} needs no --update-data")
    if epsilon is not None and not isinstance(update, Lossy):
        raise UsageError("--epsilon is for lossy updates, such as --update-type quantized")
    if epsilon is not None and isinstance(update, Sign):
        raise UsageError("an update of type sign has no error bound", "leave --epsilon out")
    if epsilon is not None and not (math.isfinite(epsilon) and epsilon > 0):
        raise UsageError(f"--epsilon {epsilon:g} isn't a positive number")
    if scale is not None and not math.isfinite(scale):
        raise UsageError(f"--scale {scale:g} isn't a finite number")
    git = Git()
    repository = Repository(git).at_top()
    paths = model_paths(repository.git, work_tree_path(git, model))
    with Workspace(repository) as workspace:
        if data and isinstance(update, FromData):
            options = SideloadOptions(scale, base, again, tied)
            with update_files(workspace, data) as place:
                outcome = sideload(workspace, paths, update, place, options)
        else:
            assert isinstance(update, Lossy)  # noqa: S101
            bound = epsilon or _DEFAULT_EPSILON
            outcome = combined_results([store_lossy(workspace, path, update, bound) for path in paths])
    if not outcome.changed:
        say("Nothing changed.")
        return
    share = ratio(outcome.stored, outcome.size)
    say(
        f"{plural(outcome.changed, 'parameter')} changed: "
        f"{human_size(outcome.size)} stored as {human_size(outcome.stored)} ({share})."
    )
    say(f"{model} is {'written and staged' if outcome.written else 'staged as it is'}.")
