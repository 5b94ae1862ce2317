"""`git theta lineage verify`."""

from __future__ import annotations

from typing import Any

import click

from git_theta.cli.lineage.names import model_name
from git_theta.cli.render import print_json
from git_theta.errors import ThetaError
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.lineage.verify import CheckedDerivation, verify
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say


@click.command("verify", short_help="Check what is said against the bytes.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--rev", metavar="REV", help="The lineage of a revision.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(models: tuple[str, ...], rev: str | None, as_json: bool) -> None:
    """Check every derivation, or those of some models, against the bytes.

    Is the version of the parent in history? Are frozen parameters equal? Is the relation plausible? Are the
    inputs of the command that made the model unchanged? Values aren't read: digests, dtypes and shapes tell.

    The exit code is 1 if anything is wrong. What can't be checked, such as a parent on a hub, isn't wrong.
    """
    with LineageTree(Repository(Git()), rev) as tree:
        found = verify(tree, [model_name(tree, word) for word in models])
    if as_json:
        others = [{"path": name, "problems": list(told)} for name, told in found.models.items()]
        print_json({"edges": [_as_json(edge) for edge in found.edges], "records": others})
    else:
        for edge in found.edges:
            say(*_lines(edge))
        for name, told in found.models.items():
            say(*(f"wrong    {printable(name)}: {printable(problem)}" for problem in told))
    wrong = sum(bool(edge.problems) for edge in found.edges) + len(found.models)
    if wrong:
        raise ThetaError(f"{plural(wrong, 'problem')} in {plural(len(found.edges), 'derivation')}")
    if not as_json:
        say(f"{plural(len(found.edges), 'derivation')}: nothing is wrong")


def _lines(edge: CheckedDerivation) -> list[str]:
    link = edge.derivation
    title = f"{printable(link.child)} ({printable(link.relation)} of {printable(link.parent)})"
    lines = [f"wrong    {title}: {printable(problem)}" for problem in edge.problems]
    lines += [f"unknown  {title}: {printable(reason)}" for reason in edge.unknown]
    return lines or [f"right    {title}"]


def _as_json(edge: CheckedDerivation) -> dict[str, Any]:
    link = edge.derivation
    return {
        "child": link.child,
        "parent": link.parent,
        "relation": link.relation,
        "source": link.source,
        "ok": not edge.problems,
        "problems": list(edge.problems),
        "unknown": list(edge.unknown),
    }
