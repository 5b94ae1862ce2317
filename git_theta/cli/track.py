"""`git theta track`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from git_theta.cli.render import print_json
from git_theta.encoding.allowed_updates import parse_update_names
from git_theta.errors import GitError, UsageError
from git_theta.git.install.set_up import is_set_up
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.git_version import check_oldest_version
from git_theta.git.repository import gitattributes
from git_theta.git.repository.merge_rules import check_rule, from_attribute
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.stronger_lines import advice, described, stronger_lines
from git_theta.model.manifest_text import is_manifest
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say
from git_theta.settings import MERGE_ATTRIBUTE, UPDATE_ATTRIBUTE

_EPILOG = """\b
Examples:
  git theta track '*.safetensors' '*.pt'
  git theta track --update dense 'optimizer*.pt'
  git theta track --merge ties,density=0.3 '*.safetensors'
  git theta track                          list tracked patterns
"""


@click.command("track", epilog=_EPILOG, short_help="Track checkpoints by pattern, or list the patterns.")
@click.argument("patterns", nargs=-1)
@click.option(
    "--update",
    metavar="SPEC",
    help="Updates that may store changed parameters: auto, dense, or names with commas between.",
)
@click.option(
    "--merge",
    metavar="SPEC",
    help="The strategy of merges, and its options, with commas between.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: a list of {pattern, source, update, merge}."
)
def command(patterns: tuple[str, ...], update: str | None, merge: str | None, as_json: bool) -> None:
    """Write patterns to the .gitattributes of the current folder.

    Quote the patterns, or your shell replaces them by file names. Without patterns, list the tracked ones
    and their files.

    The indexes of shards, such as model.safetensors.index.json, stay in Git as they are. Merges put their
    entries together as they do with the shards.

    With --update, the attribute `theta-update` is written too. For these files it overrides the setting
    `theta.update`. It applies to new versions; earlier ones stay as they are.

    With --merge, the attribute `theta-merge` is written: for example ties,density=0.3, with a colon between
    several numbers of one option. It applies to new merges. `git theta merge --list` lists strategies.
    """
    git = Git()
    repository = Repository(git)
    values = {}
    if update is not None:
        values[UPDATE_ATTRIBUTE] = _checked_update(update)
    if merge is not None:
        values[MERGE_ATTRIBUTE] = _checked_merge(merge)
    if values and not patterns:
        raise UsageError(
            "--update and --merge need a pattern", "quote it: git theta track --update dense '*.pt'"
        )
    if not patterns:
        _list(repository, as_json)
        return
    _ = repository.common_dir  # fails outside a repository, before anything is written
    check_oldest_version(git)
    path = Path(".gitattributes")
    before = gitattributes.read(path)
    text, added = gitattributes.track(before, patterns, values, keep_encoding=_asks_for_encoding(repository))
    text = gitattributes.track_indexes(text, patterns)
    if text != before:
        gitattributes.write(path, text)
    for pattern in patterns:
        verb = "Tracking" if pattern in added else "Already tracked:"
        say(f"{verb} {_with_values(pattern, _values(text, pattern))}")
    if not is_set_up(git):
        say("Git isn't set up for git-theta yet. Run: git theta install")
    _warn_of_stronger_lines(repository, patterns)
    _explain_conversion(git)
    if text != before:
        say("Commit the change: git add .gitattributes")


def _checked_update(text: str) -> str:
    """A list of updates in the form of an attribute, without spaces.

    Raises:
        UsageError: A name isn't known.
    """
    parse_update_names(text)
    return _compact(text) or _refuse("--update", text, "a list of updates", "auto, dense, or delta,sparse")


def _checked_merge(text: str) -> str:
    """A strategy with options in the form of an attribute.

    Raises:
        UsageError: There's no such strategy, or it has no such options.
    """
    written = _compact(text) or _refuse("--merge", text, "a strategy with options", "ties,density=0.3")
    check_rule(from_attribute(written))
    return written


def _compact(text: str) -> str:
    """A list with commas alone between its words; empty if a word is missing or has a space in it."""
    words = [word.strip() for word in text.split(",")]
    return "" if any(word.split() != [word] for word in words) else ",".join(words)


def _refuse(option: str, text: str, what: str, example: str) -> NoReturn:
    raise UsageError(f"{option} {text!r} isn't {what}", f"write {example}")


def _values(text: str, pattern: str) -> dict[str, str]:
    found = {name: gitattributes.value_of(text, pattern, name) for name in gitattributes.OWN}
    return {name: value for name, value in found.items() if value is not None}


def _with_values(pattern: str, values: Mapping[str, str]) -> str:
    return " ".join((pattern, *(f"{name}={value}" for name, value in values.items())))


def _list(repository: Repository, as_json: bool) -> None:
    texts = (
        (gitattributes.read(path), os.path.relpath(path))
        for path in gitattributes.attribute_files(repository.root, repository.git)
    )
    found = [
        (pattern, source, _values(text, pattern))
        for text, source in texts
        for pattern in gitattributes.tracked_patterns(text)
    ]
    if as_json:
        print_json(
            [
                {
                    "pattern": pattern,
                    "source": source,
                    "update": values.get(UPDATE_ATTRIBUTE),
                    "merge": values.get(MERGE_ATTRIBUTE),
                }
                for pattern, source, values in found
            ]
        )
        return
    for pattern, source, values in found:
        say(f"{_with_values(pattern, values)} ({source})")
    if not found:
        say("Nothing is tracked. For example: git theta track '*.safetensors'")


def _asks_for_encoding(repository: Repository) -> bool:
    with suppress(GitError):  # a bare repository has no files
        return gitattributes.asks_for_encoding(repository.root, repository.git)
    return False


def _warn_of_stronger_lines(repository: Repository, patterns: Sequence[str]) -> None:
    with suppress(GitError):  # a bare repository has no files
        for line in stronger_lines(repository, patterns):
            say(f"Warning: {printable(described(line))}")
            say(advice(line))


def _explain_conversion(git: Git) -> None:
    """Print how to convert files that were committed before they were tracked."""
    plain = []
    with Blobs(git.cwd) as blobs:
        for name in gitattributes.tracked_files(git):
            blob = blobs.read(f":{name}", limit=256 << 20)
            if blob is None or not is_manifest(blob):
                plain.append(name)
    if plain:
        listed = ", ".join(plain[:3]) + (", …" if len(plain) > 3 else "")
        say(f"{plural(len(plain), 'file')} already in Git as a whole: {listed}")
        say("To convert: git add --renormalize . && git commit (earlier commits stay as they are)")
