"""`git theta rerun`."""

from __future__ import annotations

import shlex
from dataclasses import replace

import click

from git_theta.cli.render import print_json
from git_theta.errors import ThetaError
from git_theta.git.history.revisions import path_from_top
from git_theta.git.lineage.edit_record import find_name
from git_theta.git.lineage.recorded_command import changes_since, recorded_request
from git_theta.git.lineage.rerun import RerunResult, rerun
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say, warn


@click.command("rerun", short_help="Run a model's recorded command again, and compare.")
@click.argument("model")
@click.option("--dry-run", is_flag=True, help="Show the command, and what has changed since; run nothing.")
@click.option("--keep", is_flag=True, help="Leave the new model in the work tree.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(model: str, dry_run: bool, keep: bool, as_json: bool) -> None:
    """Run the command by which MODEL was made, and say whether the result is the same.

    The command is the one of the model's record, in the same folder, with inputs and parents as they are now;
    those that have changed since are named. Read the command first if the record isn't yours: --dry-run.

    The work tree has the old model again afterwards, unless --keep is given. The exit code is 1 if the result
    differs.
    """
    git = Git()
    repository = Repository(git).at_top()
    with LineageTree(repository) as tree:
        name = find_name(tree, path_from_top(git, model))
    request, record = recorded_request(repository, name)
    changes = changes_since(repository, record)
    warn(*map(printable, changes))
    shown = printable(shlex.join(request.words))
    if dry_run:
        if as_json:
            words = {"command": list(request.words), "folder": request.folder}
            print_json({**words, "outputs": list(request.outputs), "changes": changes})
            return
        say(
            f"in {printable(request.folder or '.')}: {shown}",
            *(f"makes {printable(p)}" for p in request.outputs),
        )
        return
    if not as_json:
        say(f"running {shown}")
    results = rerun(repository, replace(request, keep=keep, to_stderr=as_json))
    if as_json:
        print_json({"changes": changes, "models": [_as_json(result) for result in results]})
    else:
        say(*map(_line, results))
    different = [result.path for result in results if not result.is_same]
    if different:
        raise ThetaError(f"{different[0]} came out differently")


def _line(result: RerunResult) -> str:
    if result.is_same:
        return f"{printable(result.path)}: the same, bit for bit"
    distance = "" if result.distance is None else f", at {result.distance:.3g} of the norm"
    return f"{printable(result.path)}: {plural(result.changed, 'parameter')} differ{distance}"


def _as_json(result: RerunResult) -> dict[str, object]:
    return {
        "path": result.path,
        "same": result.is_same,
        "changed": result.changed,
        "distance": result.distance,
    }
