"""Save the merge rules of one file: in the repository's tracked settings, or in git config."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from git_theta.errors import GitError, UsageError
from git_theta.git.repository.repository import Repository
from git_theta.mergetool.items import escaped
from git_theta.merging.rule_text import parse_toml
from git_theta.merging.rules import MergeRule
from git_theta.runtime.atomic_write import atomic_write
from git_theta.settings import TRACKED_CONFIG

#: A letter that the user answers → the place where rules are saved.
IN_FILE: Final = {"c": f"{TRACKED_CONFIG}, for all who use this repository"}
IN_GIT: Final = {"g": "git config theta.mergeRule, for you in this clone"}

_EVERY = ("*",)


def save_rules(repository: Repository, path: str, rules: Sequence[MergeRule], place: str) -> str:
    """Save rules for a file where `merge_rules` finds them.

    Args:
        repository: The repository, with Git at the top of its work tree.
        path: Path of the file, from the top.
        rules: Rules without paths.
        place: A key of `IN_FILE` or `IN_GIT`.

    Returns:
        A message for the user.

    Raises:
        UsageError: The tracked file isn't valid TOML, or a name can't be written as TOML.
        GitError: The file or git config can't be written.
    """
    # A pattern with a slash is for this path, not for files of this name in any folder.
    own = tuple(replace(rule, paths=(f"/{escaped(path)}",)) for rule in rules)
    if place in IN_GIT:
        for rule in own:
            repository.git.run("config", "--local", "--add", "theta.mergeRule", str(rule))
        return "Added to git config theta.mergeRule."
    file = repository.git.folder / TRACKED_CONFIG
    if file.is_symlink() or file.parent.is_symlink():
        raise UsageError(f"{TRACKED_CONFIG} is a link; nothing is written")
    return _add(file, own)


def _add(file: Path, rules: tuple[MergeRule, ...]) -> str:
    try:
        old = file.read_bytes() if file.exists() else b""
        if parse_toml(old, TRACKED_CONFIG)[-len(rules) :] == rules:
            return f"{TRACKED_CONFIG} has these rules already."
        gap = b"" if not old else b"\n" if old.endswith(b"\n") else b"\n\n"
        new = old + gap + "\n".join(map(_table, rules)).encode()
        if parse_toml(new, TRACKED_CONFIG)[-len(rules) :] != rules:
            raise UsageError(f"the rules can't be written to {TRACKED_CONFIG}", "add them by hand")
        file.parent.mkdir(exist_ok=True)
        atomic_write(file, new)
    except UnicodeEncodeError as error:
        raise UsageError(f"a name can't be written to {TRACKED_CONFIG}", "keep it in git config") from error
    except OSError as error:
        raise GitError(f"{TRACKED_CONFIG} can't be written: {error.strerror}") from error
    return f"Added to {TRACKED_CONFIG}. Commit it for everyone to have it."


def _table(rule: MergeRule) -> str:
    return "\n".join(["[[merge]]", *_lines(rule)]) + "\n"


def _lines(rule: MergeRule) -> Iterator[str]:
    yield f"path = {_text(rule.paths[0])}"
    if rule.parameters != _EVERY:
        yield f"parameters = [{', '.join(map(_text, rule.parameters))}]"
    yield f"strategy = {_text(rule.strategy)}"
    if rule.options:
        pairs = ", ".join(f"{_text(key)} = {_text(value)}" for key, value in rule.options)
        yield f"options = {{ {pairs} }}"


def _text(text: str) -> str:
    """A string of TOML: as in JSON, but TOML also escapes the character DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
