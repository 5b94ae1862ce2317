"""Texts of merge rules: one line for a command, git config or an attribute, or tables of a TOML file."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Any

from git_theta.errors import UsageError
from git_theta.merging.dtypes import parse_dtype
from git_theta.merging.purpose import Purpose
from git_theta.merging.renames import parse_rename
from git_theta.merging.rules import (
    ALL_PARAMETERS,
    CHOICES_OF_ROWS,
    DTYPE,
    EVERY,
    MAX_WILDCARDS,
    RENAME,
    ROWS,
    WILDCARD,
    MergeRule,
)
from git_theta.runtime.toml import parse_toml_file

#: The value of `when` for all purposes.
_ALWAYS = "always"

_PURPOSES = (*(purpose.value for purpose in Purpose), _ALWAYS)

#: Keys of a rule that say how models that aren't alike go together, and need no strategy.
_FORM = (RENAME, DTYPE, ROWS)

#: Keys of a rule that aren't options of its strategy.
_OWN_KEYS = ("parameters", "path", "when", ALL_PARAMETERS, *_FORM)


def parse_rule(text: str) -> MergeRule:
    """A rule from one line: `STRATEGY [OPTION=VALUE]… [parameters=GLOB]… [path=GLOB]… [when=PURPOSE]`.

    Also `rename=OLD=NEW`, `dtype=DTYPE` and `rows=ROWS`, with which the strategy may be missing. Words are as
    in a shell, so that a quoted glob may have spaces.

    Raises:
        UsageError: The text isn't a rule.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r} isn't a merge rule", "write: STRATEGY [OPTION=VALUE]…") from error
    strategy = words.pop(0) if words and "=" not in words[0] else ""
    where = f"the merge rule {text!r}"
    pairs = [word.partition("=") for word in words]
    values: dict[str, list[str]] = {key: [] for key in _OWN_KEYS}
    options: dict[str, str] = {}
    for word, (key, sign, value) in zip(words, pairs, strict=True):
        if not (key and sign and value):
            raise UsageError(f"{word!r} in {where} isn't OPTION=VALUE")
        if key in options:
            raise UsageError(f"an option is given twice in {where}")
        if key in values:
            values[key].append(value)
        else:
            options[key] = value
    if not strategy and (options or not any(values[key] for key in _FORM)):
        raise UsageError(f"{text!r} isn't a merge rule with a strategy", "write: STRATEGY [OPTION=VALUE]…")
    return MergeRule(
        strategy,
        tuple(sorted(options.items())),
        tuple(values["parameters"]) or EVERY,
        tuple(values["path"]) or EVERY,
        _purpose((values["when"] or [""])[-1], where),
        all_parameters="true" in values[ALL_PARAMETERS],
        renames=tuple(map(parse_rename, values[RENAME])),
        dtype=_dtype((values[DTYPE] or [""])[-1]),
        rows=parse_rows((values[ROWS] or [""])[-1]),
    )


def parse_rows(text: str) -> str:
    """One of `CHOICES_OF_ROWS`, or an empty text.

    Raises:
        UsageError: It's something else.
    """
    if text and text not in CHOICES_OF_ROWS:
        raise UsageError(f"{text!r} isn't a choice of rows", f"known: {', '.join(CHOICES_OF_ROWS)}")
    return text


def _dtype(text: str) -> str:
    return parse_dtype(text) if text else ""


def parse_lines(text: str) -> tuple[MergeRule, ...]:
    """Rules with `;` or line ends between them.

    Raises:
        UsageError: A line isn't a rule.
    """
    lines = (line.strip() for line in text.replace(";", "\n").split("\n"))
    return tuple(parse_rule(line) for line in lines if line)


def parse_toml(data: bytes, where: str) -> tuple[MergeRule, ...]:
    """The rules of a `.theta/config.toml`: its `[[merge]]` tables, in order.

    Args:
        data: Content of the file.
        where: Name of the file in errors.

    Raises:
        UsageError: The file isn't valid TOML, a table isn't a rule, or the globs have too many wildcards.
    """
    try:
        tables = parse_toml_file(data).get("merge", [])
    except ValueError as error:
        raise UsageError(f"{where} isn't valid TOML: {error}") from error
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{where}: rules are written as [[merge]] tables")
    rules = tuple(_from_table(table, f"{where}: rule {number}") for number, table in enumerate(tables, 1))
    wildcards = sum(len(WILDCARD.findall(glob)) for rule in rules for glob in (*rule.parameters, *rule.paths))
    if wildcards > MAX_WILDCARDS:
        raise UsageError(f"{where}: the globs have {wildcards} wildcards, more than {MAX_WILDCARDS}")
    return rules


def _from_table(table: Mapping[str, Any], where: str) -> MergeRule:
    known = ("strategy", "options", "parameters", "path", "when", *_FORM)
    unknown = sorted(table.keys() - set(known))
    if unknown:
        raise UsageError(f"{where} has an unknown key {unknown[0]!r}", f"known: {', '.join(known)}")
    strategy, options = table.get("strategy", ""), table.get("options", {})
    has_form = any(key in table for key in _FORM) and not options
    if not isinstance(strategy, str) or not isinstance(options, dict) or not (strategy or has_form):
        raise UsageError(f"{where} needs a strategy, and options as a table")
    texts = tuple(sorted((key, _text(value, f"{where}, option {key}")) for key, value in options.items()))
    renames = _globs(table[RENAME], f"{where}, {RENAME}") if RENAME in table else ()
    return MergeRule(
        strategy,
        texts,
        _globs(table.get("parameters"), f"{where}, parameters"),
        _globs(table.get("path"), f"{where}, path"),
        _purpose(table.get("when", ""), where),
        renames=tuple(map(parse_rename, renames)),
        dtype=_dtype(_text(table.get(DTYPE, ""), f"{where}, {DTYPE}")),
        rows=parse_rows(_text(table.get(ROWS, ""), f"{where}, {ROWS}")),
    )


def _purpose(value: Any, where: str) -> str:
    if value and value not in _PURPOSES:
        raise UsageError(f"{where}: when={value} isn't one of {', '.join(_PURPOSES)}")
    return str(value)


def _globs(value: Any, where: str) -> tuple[str, ...]:
    found = EVERY if value is None else (value,) if isinstance(value, str) else value
    if not isinstance(found, (list, tuple)) or not found or not all(isinstance(g, str) and g for g in found):
        raise UsageError(f"{where}: a glob or a list of globs is needed")
    return tuple(found)


def _text(value: Any, where: str) -> str:
    if isinstance(value, list):
        return ",".join(_text(item, where) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    raise UsageError(f"{where}: a number, a text, true or false, or a list of numbers is needed")
