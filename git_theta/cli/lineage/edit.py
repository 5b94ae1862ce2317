"""`git theta lineage edit`."""

from __future__ import annotations

import click

from git_theta.cli.lineage.names import model_name
from git_theta.errors import UsageError
from git_theta.git.lineage.edit_record import write_text
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.lineage.record import LineageRecord, RecordError, parse_record, record_path
from git_theta.lineage.record_text import record_text
from git_theta.report.text import printable
from git_theta.runtime.output import say


@click.command("edit", short_help="Edit a model's record as text.")
@click.argument("model")
def command(model: str) -> None:
    """Open the record of MODEL in the editor that Git uses, and keep the text if it's valid.

    A record that isn't valid is kept nowhere: the old one stays.
    """
    git = Git()
    with LineageTree(Repository(git)) as tree:
        name = model_name(tree, model)
        path = record_path(name)
        old = tree.record(path)
        if old is None:
            old = record_text(LineageRecord(model=tree.facts(name).model))
        editor = git.line("var", "GIT_EDITOR")
        text = click.edit(old.decode("utf-8", "replace"), editor=editor, extension=".toml")
        if text is None or text.encode() == old:
            say(f"{printable(path)}: unchanged")
            return
        try:
            parse_record(text.encode(), path)
        except RecordError as error:
            raise UsageError(f"{error.message}: the record is as it was", error.hint) from error
        write_text(tree, path, text.encode())
    say(f"{printable(path)}: written")
