"""`git theta lineage log`."""

from __future__ import annotations

from contextlib import suppress

import click

from git_theta.cli.render import print_json
from git_theta.errors import UsageError
from git_theta.git.history.revisions import path_from_top
from git_theta.git.lineage.derivation_log import DerivationChange, derivation_log
from git_theta.git.lineage.edit_record import find_name
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.lineage.views.as_json import edge_json
from git_theta.report.text import printable
from git_theta.runtime.output import say


@click.command("log", short_help="Show the derivations of a model through history.")
@click.argument("model")
@click.argument("rev", default="HEAD")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(model: str, rev: str, as_json: bool) -> None:
    """Show the commits that changed a model or its record, and what it was made from in each.

    The newest commit comes first. Renames are followed, and the history follows the first parent of a merge.
    """
    git = Git()
    repository = Repository(git)
    path = path_from_top(git, model)
    # It may be a model of earlier commits.
    with LineageTree(repository) as tree, suppress(UsageError):
        path = find_name(tree, path)
    changes = derivation_log(repository, path, rev)
    if not changes:
        raise UsageError(
            f"no commit in {rev} has {path} or a record of it", "`git theta ls-files` lists models"
        )
    if as_json:
        print_json([_as_json(change) for change in changes])
        return
    for change in changes:
        commit = change.commit
        say(f"{commit.oid[:10]} {commit.date[:10]} {printable(commit.author)}  {printable(commit.subject)}")
        say(f"    model {change.model[7:19] or 'not there'}")
        for edge in change.derivations:
            version = f" at {edge.parent_model[7:19]}" if edge.parent_model else ""
            why = f": {edge.why}" if edge.why else ""
            say(f"    {printable(edge.relation)} of {printable(edge.parent)}{version}{printable(why)}")
        say(*(f"    {printable(problem)}" for problem in change.problems))


def _as_json(change: DerivationChange) -> dict[str, object]:
    return {
        "commit": change.commit.oid,
        "date": change.commit.date,
        "subject": change.commit.subject,
        "model": change.model or None,
        "edges": [edge_json(edge) for edge in change.derivations],
        "problems": list(change.problems),
    }
