"""`git theta run`."""

from __future__ import annotations

import os

import click

from git_theta.errors import UsageError
from git_theta.git.history.revisions import path_from_top
from git_theta.git.lineage.edit_record import find_parent
from git_theta.git.lineage.run import run_and_record
from git_theta.git.lineage.run_request import RunRequest
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.paths import top_folder
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say

_EPILOG = """\b
Examples:
  git theta run --from base --input data/sst2.csv --out sst2/model.safetensors -- python train.py --out {out}
  git theta run --from base --out a.pt --out b.pt -- python heads.py {out1} {out2}
"""


@click.command(
    "run",
    epilog=_EPILOG,
    short_help="Run a command that makes models, and record how.",
    context_settings={"allow_interspersed_args": False},
)
@click.option(
    "--from", "parents", multiple=True, metavar="MODEL", help="A model that the command starts from."
)
@click.option("--input", "inputs", multiple=True, metavar="FILE", help="A file, or a folder, that it reads.")
@click.option(
    "--out", "outputs", multiple=True, metavar="MODEL", help="A model that it makes. May be repeated."
)
@click.option("--relation", default="", metavar="WORD", help="The kind of derivation, such as finetune.")
@click.option("--why", default="", metavar="TEXT", help="The reason, in a sentence.")
@click.option("--seed", type=int, help="The seed that the command is given, for the record.")
@click.option("--dirty", is_flag=True, help="Allow files that aren't as Git has them.")
@click.option("--keep", is_flag=True, help="If the command fails, leave the models as it made them.")
@click.argument("words", nargs=-1, metavar="-- COMMAND...", type=click.UNPROCESSED)
def command(
    parents: tuple[str, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    relation: str,
    why: str,
    seed: int | None,
    dirty: bool,
    keep: bool,
    words: tuple[str, ...],
) -> None:
    """Run a command that makes models, and record how: command, inputs, parents, environment.

    --from, --input and --out may be repeated. In COMMAND, {out} stands for the path of the model, {out1},
    {out2} and so on for those of several. Files of the command line that Git has, such as a script, are
    inputs without being named.

    Inputs and parents must be as in the index, so that the record names what was read. When the command is
    done, the models and their records are staged. If it fails, makes nothing, or if inputs change while it
    runs, files and records are as they were. If Git can't add the models, they stay in the work tree. Nothing
    is locked in between.

    Nothing that a record says is ever run but by git theta rerun.
    """
    git = Git()
    repository = Repository(git).at_top()
    if not words:
        raise UsageError("which command?", "git theta run --out MODEL -- COMMAND")
    with LineageTree(repository) as tree:
        found = [find_parent(tree, word, path_from_top(git, word)) for word in parents]
        named = [path for word in inputs for path in _files(tree, path_from_top(git, word), word)]
        seen = [path for word in words if (path := _tracked_file(tree, git, word)) is not None]
    request = RunRequest(
        tuple(words),
        tuple(path_from_top(git, word) for word in outputs),
        tuple(found),
        tuple(dict.fromkeys((*named, *seen))),
        top_folder(git, repository.root),
        relation,
        why,
        seed,
        dirty,
        keep,
    )
    result = run_and_record(repository, request)
    for name, model in result.models.items():
        say(f"{printable(name)}: model {model[7:19]}")
    if result.kept:
        say(f"no --from was given, so the parents are as before: {', '.join(map(printable, result.kept))}")
    read = f", with {plural(len(result.inputs), 'input')}" if result.inputs else ""
    say(f"recorded{read}, and staged: git commit")


def _files(tree: LineageTree, path: str, word: str) -> list[str]:
    """Paths of the files that an input stands for: itself, or all that Git has of a folder."""
    if path in tree.files:
        return [path]
    inside = [name for name in tree.files if name.startswith(f"{path}/")]
    if not inside:
        raise UsageError(f"Git doesn't have {word}", f"add it first: git add {word}")
    return inside


def _tracked_file(tree: LineageTree, git: Git, word: str) -> str | None:
    """The path of a file that a word of the command names, if Git has it, and it isn't a model."""
    if word.startswith("-") or not word or not os.path.isfile(git.path(word)):
        return None
    try:
        path = path_from_top(git, word)
    except UsageError:
        return None
    models = {file for parts in tree.models.values() for file in parts.files}
    return path if path in tree.files and path not in models else None
