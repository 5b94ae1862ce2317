"""`git theta track`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from git_theta.choose import allowed
from git_theta.cli.render import plural, print_json
from git_theta.errors import UsageError
from git_theta.git import attributes
from git_theta.git.blobs import Blobs
from git_theta.git.command import Git
from git_theta.git.path_updates import ATTRIBUTE
from git_theta.git.repository import Repository
from git_theta.model.manifest import is_manifest

_EPILOG = """\b
Examples:
  git theta track '*.safetensors' '*.pt'
  git theta track --update dense 'optimizer*.pt'
  git theta track                          list what is tracked
"""


@click.command("track", epilog=_EPILOG, short_help="Track checkpoints by pattern, or list the patterns.")
@click.argument("patterns", nargs=-1)
@click.option(
    "--update",
    metavar="SPEC",
    help="What changed parameters may be stored as: auto, dense, or names of updates with commas between.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of {pattern, source, update}.")
def command(patterns: tuple[str, ...], update: str | None, as_json: bool) -> None:
    """Write patterns to the .gitattributes of the current folder.

    Quote the patterns, or your shell replaces them by file names. Without patterns, lists those that
    are tracked and where each comes from.

    With --update, the attribute `theta-update` is written too. For these files it replaces the setting
    `theta.update`. It says how versions are stored from now on; earlier ones stay as they are.
    """
    git = Git()
    repository = Repository(git)
    if update is not None:
        update = _checked(update)
        if not patterns:
            raise UsageError("--update needs a pattern", "quote it: git theta track --update dense '*.pt'")
    if not patterns:
        _list(repository, as_json)
        return
    _ = repository.common_dir  # fails outside a repository, before anything is written
    path = Path(".gitattributes")
    text, added = attributes.track(attributes.read(path), patterns, update)
    if added:
        attributes.write(path, text)
    for pattern in patterns:
        said = _with_update(pattern, attributes.update_of(text, pattern))
        click.echo(f"{'Tracking' if pattern in added else 'Already tracked:'} {said}")
    if not git.config("filter.theta.process"):
        click.echo("Git isn't set up for git-theta yet. Run: git theta install")
    _explain_conversion(git)
    if added:
        click.echo("Commit the change: git add .gitattributes")


def _checked(update: str) -> str:
    """A list of updates as it's written in an attribute, which ends at a space.

    Raises:
        UsageError: A name isn't known.
    """
    allowed(update)
    names = [word.strip() for word in update.split(",")]
    if not all(names):
        raise UsageError(f"--update {update!r} isn't a list of updates", "write auto, dense, or delta,sparse")
    return ",".join(names)


def _with_update(pattern: str, update: str | None) -> str:
    return pattern if update is None else f"{pattern} {ATTRIBUTE}={update}"


def _list(repository: Repository, as_json: bool) -> None:
    texts = (
        (attributes.read(path), os.path.relpath(path))
        for path in attributes.attribute_files(repository.root, repository.git)
    )
    found = [
        (pattern, source, attributes.update_of(text, pattern))
        for text, source in texts
        for pattern in attributes.tracked_patterns(text)
    ]
    if as_json:
        print_json(
            [{"pattern": pattern, "source": source, "update": update} for pattern, source, update in found]
        )
        return
    for pattern, source, update in found:
        click.echo(f"{_with_update(pattern, update)} ({source})")
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
