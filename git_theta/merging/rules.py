"""Merge rules: which strategy merges which parameters of which files. The last rule that matches counts.

Rules also say how models that aren't alike go together: by other names, in which dtype, with which rows.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from typing import Final

from git_theta.merging.dtypes import WIDEST
from git_theta.merging.purpose import Purpose
from git_theta.merging.renames import Rename

EVERY: Final = ("*",)

#: Wildcards in all globs of a file: each parameter is compared with each.
MAX_WILDCARDS: Final = 2_000

WILDCARD: Final = re.compile(r"[*?[]")

#: The key by which a rule of one command is for all parameters.
ALL_PARAMETERS: Final = "all-parameters"

#: Keys of a rule that say how models that aren't alike go together, and need no strategy.
RENAME: Final = "rename"
DTYPE: Final = "dtype"
ROWS: Final = "rows"

#: The rows that the result has of parameters with different numbers of rows: those that all sides have, those
#: that any has, or those of ours.
CHOICES_OF_ROWS: Final = ("common", "union", "ours")


@dataclass(frozen=True, slots=True)
class MergeRule:
    """A strategy, and the parameters and files that it merges.

    Attributes:
        strategy: Name of the strategy; empty for a rule that only says how models go together.
        options: Options of the strategy as texts, sorted by name.
        parameters: Globs of names of parameters; `*` also matches `/`.
        paths: Globs of files; one without `/` is for the last part of a path.
        when: The purpose that the rule is for: `merge`, `pick` or `always`; empty if the rule doesn't say.
        all_parameters: Whether the rule is also for parameters that only one side changed.
        one_element: Whether the rule is only for parameters of one element, and for values besides tensors.
        renames: Names of theirs and what ours has for them; for whole files, whatever `parameters` says.
        dtype: Dtype of floats in the result, or `widest`, `ours` or `theirs`; empty if the rule doesn't say.
        rows: The rows of the result, one of `CHOICES_OF_ROWS`; empty if the rule doesn't say.
        place: Name of the setting that has the rule, for messages; rules are equal wherever they stand.
    """

    strategy: str
    options: tuple[tuple[str, str], ...] = ()
    parameters: tuple[str, ...] = EVERY
    paths: tuple[str, ...] = EVERY
    when: str = ""
    all_parameters: bool = False
    one_element: bool = False
    renames: tuple[Rename, ...] = ()
    dtype: str = ""
    rows: str = ""
    place: str = field(default="", compare=False)

    def is_for(self, name: str) -> bool:
        """Whether the rule is for a parameter of that name."""
        exact, pattern = _matcher(self.parameters)
        return name in exact or pattern.match(name) is not None

    @property
    def is_for_all(self) -> bool:
        """Whether the rule is for every parameter."""
        return self.parameters == EVERY

    @property
    def changes_everything(self) -> bool:
        """Whether the rule may change parameters that only one side changed."""
        return self.all_parameters or bool(self.rows) or self.dtype not in ("", WIDEST)

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
        words = [*filter(None, [self.strategy]), *(f"{key}={value}" for key, value in self.options)]
        words += [f"parameters={glob}" for glob in self.parameters if self.parameters != EVERY]
        words += [f"path={glob}" for glob in self.paths if self.paths != EVERY]
        words += [f"when={self.when}"] if self.when else []
        words += [f"{ALL_PARAMETERS}=true"] if self.all_parameters else []
        words += [f"{RENAME}={rename}" for rename in self.renames]
        words += [f"{key}={value}" for key, value in ((DTYPE, self.dtype), (ROWS, self.rows)) if value]
        return shlex.join(words)


#: The rule for parameters that no other rule is for.
DEFAULT = MergeRule("average")

#: The same where a change is applied: ours + (theirs - base).
PICK_DEFAULT = MergeRule("task-arithmetic")


@lru_cache(maxsize=2 * MAX_WILDCARDS)
def _matcher(globs: tuple[str, ...]) -> tuple[frozenset[str], re.Pattern[str]]:
    """The globs that are plain names, and one pattern for the others."""
    exact = frozenset(glob for glob in globs if not WILDCARD.search(glob))
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
        purpose: The purpose of the merge.
        standing: Rules for parameters that none of `rules` is for, or that are in conflict by these; before
            `fallback`.
    """

    rules: tuple[MergeRule, ...] = ()
    fallback: tuple[MergeRule, ...] = ()
    default: MergeRule = DEFAULT
    standing: tuple[MergeRule, ...] = ()
    purpose: Purpose = Purpose.MERGE

    def to_try(self, name: str) -> Iterator[MergeRule]:
        """The rule for a parameter, then the rules to try if it leads to a conflict."""
        standing = [rule for rule in reversed(self.standing) if rule.is_for(name)]
        chosen = next((rule for rule in reversed(self.rules) if rule.strategy and rule.is_for(name)), None)
        yield from (chosen, *standing) if chosen else (*standing, self.default)
        yield from (rule for rule in reversed(self.fallback) if rule.strategy and rule.is_for(name))

    @property
    def strategies(self) -> tuple[MergeRule, ...]:
        """The rules that name a strategy, without `fallback`, `standing` and `default`."""
        return tuple(rule for rule in self.rules if rule.strategy)

    @property
    def renames(self) -> tuple[Rename, ...]:
        """Names of theirs and what ours has for them; a later one takes precedence."""
        return tuple(rename for rule in (*self.rules, *self.fallback) for rename in rule.renames)

    def dtype(self, name: str) -> str:
        """The dtype that a parameter should have; empty if no rule says that."""
        fitting = (rule.dtype for rule in self._last_first() if rule.dtype and rule.is_for(name))
        return next(fitting, "")

    def rows(self, name: str) -> str:
        """The rows that a parameter should have; empty if no rule says that."""
        fitting = (rule.rows for rule in self._last_first() if rule.rows and rule.is_for(name))
        return next(fitting, "")

    def _last_first(self) -> Iterator[MergeRule]:
        return reversed((*self.rules, *self.fallback))

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
