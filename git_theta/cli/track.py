"""`git theta track`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from git_theta.cli.render import plural, print_json
from git_theta.git import attributes
from git_theta.git.blobs import Blobs
from git_theta.git.command import Git
from git_theta.git.repository import Repository
from git_theta.model.manifest import is_manifest

_EPILOG = """\b
Examples:
  git theta track '*.safetensors' '*.pt'
  git theta track                          list what is tracked
"""


@click.command("track", epilog=_EPILOG, short_help="Track checkpoints by pattern, or list the patterns.")
@click.argument("patterns", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of {pattern, source}.")
def command(patterns: tuple[str, ...], as_json: bool) -> None:
    """Write patterns to the .gitattributes of the current folder.

    Quote the patterns, or your shell replaces them by file names. Without patterns, lists those that
    are tracked and where each comes from.
    """
    git = Git()
    repository = Repository(git)
    if not patterns:
        _list(repository, as_json)
        return
    _ = repository.common_dir  # fails outside a repository, before anything is written
    path = Path(".gitattributes")
    text, added = attributes.track(attributes.read(path), patterns)
    if added:
        attributes.write(path, text)
    for pattern in patterns:
        click.echo(f"{'Tracking' if pattern in added else 'Already tracked:'} {pattern}")
    if not git.config("filter.theta.process"):
        click.echo("Git isn't set up for git-theta yet. Run: git theta install")
    _explain_conversion(git)
    if added:
        click.echo("Commit the change: git add .gitattributes")


def _list(repository: Repository, as_json: bool) -> None:
    found = [
        (pattern, os.path.relpath(path))
        for path in attributes.attribute_files(repository.root, repository.git)
        for pattern in attributes.tracked_patterns(attributes.read(path))
    ]
    if as_json:
        print_json([{"pattern": pattern, "source": source} for pattern, source in found])
        return
    for pattern, source in found:
        click.echo(f"{pattern} ({source})")
    if not found:
        click.echo("Nothing is tracked. For example: git theta track '*.safetensors'")


def _explain_conversion(git: Git) -> None:
    """Say how files that were committed before they were tracked become tracked."""
    plain = []
    with Blobs(git.cwd) as blobs:
        for name in attributes.tracked_files(git):
            blob = blobs.read(f":{name}", limit=256 << 20)
            if blob is None or not is_manifest(blob):
                plain.append(name)
    if plain:
        listed = ", ".join(plain[:3]) + (", …" if len(plain) > 3 else "")
        click.echo(f"{plural(len(plain), 'file')} already in Git as a whole: {listed}")
        click.echo("To convert: git add --renormalize . && git commit (earlier commits stay as they are)")
