"""Merge rules: which strategy merges which parameters of which files. The last rule that matches counts."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from typing import Any

from git_theta.errors import UsageError
from git_theta.merging.purpose import Purpose
from git_theta.runtime.toml import parse_toml_file

_EVERY = ("*",)

#: Wildcards in all globs of a file: each parameter is compared with each.
MAX_WILDCARDS = 2_000

_WILDCARD = re.compile(r"[*?[]")

#: The value of `when` for all purposes.
_ALWAYS = "always"

#: The key by which a rule of one command is for all parameters.
_ALL = "all-parameters"

_PURPOSES = (*(purpose.value for purpose in Purpose), _ALWAYS)


@dataclass(frozen=True, slots=True)
class MergeRule:
    """A strategy, and the parameters and files that it merges.

    Attributes:
        strategy: Name of the strategy.
        options: Options of the strategy as texts, sorted by name.
        parameters: Globs of names of parameters; `*` also matches `/`.
        paths: Globs of files; one without `/` is for the last part of a path.
        when: The purpose that the rule is for: `merge`, `pick` or `always`; empty if the rule doesn't say.
        all_parameters: Whether the rule is also for parameters that only one side changed.
        one_element: Whether the rule is only for parameters of one element, and for values besides tensors.
        place: Name of the setting that has the rule, for messages; rules are equal wherever they stand.
    """

    strategy: str
    options: tuple[tuple[str, str], ...] = ()
    parameters: tuple[str, ...] = _EVERY
    paths: tuple[str, ...] = _EVERY
    when: str = ""
    all_parameters: bool = False
    one_element: bool = False
    place: str = field(default="", compare=False)

    def is_for(self, name: str) -> bool:
        """Whether the rule is for a parameter of that name."""
        exact, pattern = _matcher(self.parameters)
        return name in exact or pattern.match(name) is not None

    @property
    def is_for_all(self) -> bool:
        """Whether the rule is for every parameter."""
        return self.parameters == _EVERY

    def is_for_path(self, path: str) -> bool:
        """Whether the rule is for a file at that path from the top of the work tree."""
        return any(
            fnmatchcase(path if "/" in glob else path.rpartition("/")[2], glob.removeprefix("/"))
            for glob in self.paths
        )

    def of_sides(self, indices: Sequence[int], count: int) -> MergeRule:
        """The rule for some of the sides.

        Of each option that lists one element for each side, the elements of these sides are kept.

        Args:
            indices: The sides to keep, ascending.
            count: The number of all sides.
        """
        options = []
        for key, text in self.options:
            words = text.split(",")
            options.append((key, ",".join(words[i] for i in indices) if len(words) == count else text))
        return replace(self, options=tuple(options))

    def __str__(self) -> str:
        """The text that `parse_rule` reads."""
        words = [self.strategy, *(f"{key}={value}" for key, value in self.options)]
        words += [f"parameters={glob}" for glob in self.parameters if self.parameters != _EVERY]
        words += [f"path={glob}" for glob in self.paths if self.paths != _EVERY]
        words += [f"when={self.when}"] if self.when else []
        words += [f"{_ALL}=true"] if self.all_parameters else []
        return shlex.join(words)


#: The rule for parameters that no other rule is for.
DEFAULT = MergeRule("average")

#: The same where a change is applied: ours + (theirs - base).
PICK_DEFAULT = MergeRule("task-arithmetic")


@lru_cache(maxsize=2 * MAX_WILDCARDS)
def _matcher(globs: tuple[str, ...]) -> tuple[frozenset[str], re.Pattern[str]]:
    """The globs that are plain names, and one pattern for the others."""
    exact = frozenset(glob for glob in globs if not _WILDCARD.search(glob))
    others = [translate(glob) for glob in globs if glob not in exact]
    # A pattern of no globs matches nothing.
    return exact, re.compile("|".join(others) if others else r"(?!)")


@dataclass(frozen=True, slots=True)
class MergeRules:
    """Rules in order; a later one takes precedence.

    Attributes:
        rules: Rules for all parameters that several sides changed.
        fallback: Rules for parameters that are in conflict by `rules`.
        default: The rule for parameters that none of `rules` is for.
        standing: Rules for parameters that none of `rules` is for, or that are in conflict by these; before
            `fallback`.
    """

    rules: tuple[MergeRule, ...] = ()
    fallback: tuple[MergeRule, ...] = ()
    default: MergeRule = DEFAULT
    standing: tuple[MergeRule, ...] = ()

    def to_try(self, name: str) -> Iterator[MergeRule]:
        """The rule for a parameter, then the rules to try if it leads to a conflict."""
        standing = [rule for rule in reversed(self.standing) if rule.is_for(name)]
        chosen = next((rule for rule in reversed(self.rules) if rule.is_for(name)), None)
        yield from (chosen, *standing) if chosen else (*standing, self.default)
        yield from (rule for rule in reversed(self.fallback) if rule.is_for(name))

    def for_all(self, name: str) -> MergeRule | None:
        """The rule for a parameter, if it's also for parameters that only one side changed; else `None`."""
        rule = next(self.to_try(name))
        return rule if rule.all_parameters else None

    def of_path(self, path: str) -> MergeRules:
        """The rules for one file."""
        rules, fallback, standing = (
            tuple(rule for rule in some if rule.is_for_path(path))
            for some in (self.rules, self.fallback, self.standing)
        )
        return replace(self, rules=rules, fallback=fallback, standing=standing)

    def of_sides(self, indices: Sequence[int], count: int) -> MergeRules:
        """The rules for some of the sides; see `MergeRule.of_sides`."""
        rules, fallback = (
            tuple(rule.of_sides(indices, count) for rule in some) for some in (self.rules, self.fallback)
        )
        return replace(self, rules=rules, fallback=fallback)


def parse_rule(text: str) -> MergeRule:
    """A rule from one line: `STRATEGY [OPTION=VALUE]… [parameters=GLOB]… [path=GLOB]… [when=PURPOSE]`.

    Words are as in a shell, so that a quoted glob may have spaces.

    Raises:
        UsageError: The text isn't a rule.
    """
    try:
        strategy, *words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r} isn't a merge rule", "write: STRATEGY [OPTION=VALUE]…") from error
    pairs = [word.partition("=") for word in words]
    for word, (key, sign, value) in zip(words, pairs, strict=True):
        if not (key and sign and value):
            raise UsageError(f"{word!r} in the merge rule {text!r} isn't OPTION=VALUE")
    given = [(k, v) for k, _, v in pairs if k not in ("parameters", "path", "when", _ALL)]
    options = dict(given)
    if len(options) < len(given):
        raise UsageError(f"an option is given twice in the merge rule {text!r}")
    return MergeRule(
        strategy,
        tuple(sorted(options.items())),
        tuple(v for k, _, v in pairs if k == "parameters") or _EVERY,
        tuple(v for k, _, v in pairs if k == "path") or _EVERY,
        _purpose(next((v for k, _, v in reversed(pairs) if k == "when"), ""), f"the merge rule {text!r}"),
        any(k == _ALL and v == "true" for k, _, v in pairs),
    )


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
    wildcards = sum(
        len(_WILDCARD.findall(glob)) for rule in rules for glob in (*rule.parameters, *rule.paths)
    )
    if wildcards > MAX_WILDCARDS:
        raise UsageError(f"{where}: the globs have {wildcards} wildcards, more than {MAX_WILDCARDS}")
    return rules


def _from_table(table: Mapping[str, Any], where: str) -> MergeRule:
    unknown = sorted(table.keys() - {"strategy", "options", "parameters", "path", "when"})
    if unknown:
        raise UsageError(
            f"{where} has an unknown key {unknown[0]!r}", "known: strategy, options, parameters, path, when"
        )
    strategy, options = table.get("strategy"), table.get("options", {})
    if not isinstance(strategy, str) or not isinstance(options, dict):
        raise UsageError(f"{where} needs a strategy, and options as a table")
    texts = tuple(sorted((key, _text(value, f"{where}, option {key}")) for key, value in options.items()))
    return MergeRule(
        strategy,
        texts,
        _globs(table.get("parameters"), f"{where}, parameters"),
        _globs(table.get("path"), f"{where}, path"),
        _purpose(table.get("when", ""), where),
    )


def _purpose(value: Any, where: str) -> str:
    if value and value not in _PURPOSES:
        raise UsageError(f"{where}: when={value} isn't one of {', '.join(_PURPOSES)}")
    return str(value)


def _globs(value: Any, where: str) -> tuple[str, ...]:
    found = _EVERY if value is None else (value,) if isinstance(value, str) else value
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
