"""`git theta lineage add`."""

from __future__ import annotations

import click

from git_theta.cli.lineage.names import model_name
from git_theta.git.history.revisions import path_from_top
from git_theta.git.lineage.edit_record import add_parents, find_parent
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import printable
from git_theta.runtime.output import say

_EPILOG = """\b
Examples:
  git theta lineage add sst2/model.safetensors --from base/model.safetensors --relation finetune
  git theta lineage add soup.pt --from a.pt --from b.pt --relation merge --why 'the two best on dev'
  git theta lineage add base/model.safetensors --from hf:google-bert/bert-base-uncased
"""


@click.command("add", epilog=_EPILOG, short_help="Record what a model was made from.")
@click.argument("child")
@click.option(
    "--from",
    "parents",
    multiple=True,
    required=True,
    metavar="PARENT",
    help="A model that it was made from: a path, or a URI such as hf:org/name@revision. May be repeated.",
)
@click.option(
    "--relation",
    default="",
    metavar="WORD",
    help="The kind of derivation: finetune, adapter, merge, quantized, distilled, pruned, extended, "
    "federated, or any word.",
)
@click.option("--why", default="", metavar="TEXT", help="The reason, in a sentence.")
@click.option(
    "--frozen",
    multiple=True,
    metavar="GLOB",
    help="Parameters that are promised to be as in a parent; git theta lineage verify checks them.",
)
def command(child: str, parents: tuple[str, ...], relation: str, why: str, frozen: tuple[str, ...]) -> None:
    """Record that CHILD was made from other models, with the versions that the index has of them.

    The record is a text below .theta/lineage: commit it with the model. What is in it already stays, a parent
    of the same name gets its version of now.
    """
    git = Git()
    with LineageTree(Repository(git)) as tree:
        name = model_name(tree, child)
        found = [find_parent(tree, word, path_from_top(git, word)) for word in parents]
        path = add_parents(tree, name, found, relation, why, frozen)
    say(f"{printable(path)}: written. Commit it with the model: git add {printable(path)}")
