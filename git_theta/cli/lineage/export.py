"""`git theta lineage export`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from git_theta.cli.lineage.names import model_name
from git_theta.errors import ThetaError, UsageError, full_disk_hint
from git_theta.git.lineage.exported import lineage_document
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.lineage.exports.targets import EXPORTS
from git_theta.report.text import printable
from git_theta.runtime.atomic_write import atomic_write
from git_theta.runtime.output import warn, write_stdout

_EPILOG = """\b
Examples:
  git theta lineage export --to cyclonedx -o bom.json
  git theta lineage export --to modelcard sst2/model.safetensors
  git theta lineage export --to in-toto --rev v2 --url https://example.com/models.git -o runs.jsonl
"""


@click.command("export", epilog=_EPILOG, short_help="Write the lineage for other programs.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--to", "target", type=click.Choice([*EXPORTS]), required=True, help="The format.")
@click.option("--rev", metavar="REV", default="HEAD", help="The commit; by default, HEAD.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file; by default, stdout."
)
@click.option("--url", default="", metavar="URL", help="The address of the repository, for the document.")
@click.option("--unchecked", is_flag=True, help="Read no model: nothing is said to be verified.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def command(
    models: tuple[str, ...],
    target: str,
    rev: str,
    output: Path | None,
    url: str,
    unchecked: bool,
    force: bool,
) -> None:
    """Write what is known of the lineage of a commit in a format of other programs.

    The document has the models, all of them by default, and their ancestors. Each file is rebuilt and hashed,
    and each derivation checked, as by git theta lineage verify: the document says what was verified, and what
    somebody only stated. Nothing is written if the bytes contradict a statement.

    The same commit gives the same document. It needs: pip install 'git-theta[lineage-export]'
    """
    if output and os.path.lexists(output) and not force:
        raise UsageError(f"{output} is there already", "choose another name, or overwrite it: --force")
    with LineageTree(Repository(Git()), rev) as tree:
        chosen = {model_name(tree, word) for word in models}
        if not tree.models:
            raise UsageError(f"{rev} has no model")
        document = lineage_document(tree, chosen, url, reads_files=not unchecked)
    data = EXPORTS[target](document)
    for model in document.subjects:
        warn(*(f"{printable(model.node.path)}: {printable(remark)}" for remark in model.remarks))
    if output is None:
        write_stdout(data)
        return
    try:
        atomic_write(output, data)
    except OSError as error:
        message = f"can't write {output}: {error.strerror or error}"
        raise ThetaError(message, full_disk_hint(error)) from error
