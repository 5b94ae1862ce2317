"""Items: what there's to decide, folded into groups with numbers that stay the same for a session."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from git_theta.errors import UsageError
from git_theta.merge.outcome import Conflict, Merged, ParameterPlan, Taken
from git_theta.model.parameter_names import matches
from git_theta.report.fold import Folded, fold, natural
from git_theta.report.merge_summary import conflict_name
from git_theta.report.text import plural, printable

_NUMBER = re.compile(r"(?<![^./])\d+(?![^./])")
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")

#: What chooses everything.
ALL = "all"


@dataclass(frozen=True, slots=True)
class Item:
    """Something that both sides changed.

    Attributes:
        number: What it's called in commands.
        title: Its name, folded.
        names: The parameters, or the one value that isn't a parameter.
        steps: What the sides have of each parameter; empty for what isn't a parameter.
        globs: Patterns that match these names, and no others that both sides changed.
    """

    number: int
    title: str
    names: tuple[str, ...]
    parameters: tuple[ParameterPlan, ...]
    globs: tuple[str, ...]

    def __str__(self) -> str:
        """Its name, and how many parameters it is."""
        return self.title + (f" x{len(self.names)}" if len(self.names) > 1 else "")


@dataclass(frozen=True, slots=True)
class Overview:
    """What both sides changed, and what only one did.

    Attributes:
        total: How many parameters there are in all versions.
        items: What both sides changed, to different things.
        alone: For ours and theirs, the folded names of parameters that only it changed, with how many each
            name stands for.
    """

    total: int
    items: tuple[Item, ...]
    alone: tuple[tuple[tuple[str, int], ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All that can be decided."""
        return tuple(name for item in self.items for name in item.names)

    def said(self, globs: Sequence[str]) -> str:
        """What patterns match: an item's name, or how many parameters and other values."""
        for item in self.items:
            if item.globs == globs:
                return str(item)
        matching = [(item, name) for item in self.items for name in item.names if matches(name, globs)]
        parameters = sum(bool(item.parameters) for item, _ in matching)
        others = len(matching) - parameters
        words = [plural(parameters, "parameter")] if parameters else []
        words += [plural(others, "other value")] if others else []
        return " and ".join(words) or "nothing"

    def with_conflicts(self, conflicts: Iterable[Conflict]) -> Overview:
        """With items for conflicts that none is about yet: a choice may lead to them."""
        known = set(self.names)
        new = [conflict for conflict in conflicts if conflict.name not in known]
        items = [*self.items]
        for conflict in new:
            name = conflict.name
            # Nothing but a pattern can be written for the whole file, which has an empty name.
            globs = (escaped(name),) if name else ("*",)
            items.append(Item(len(items) + 1, conflict_name(conflict), (name,), (), globs))
        return replace(self, items=tuple(items))

    def item(self, number: int) -> Item:
        """The item of a number.

        Raises:
            UsageError: There's none.
        """
        if not 0 < number <= len(self.items):
            numbers = f"they go from 1 to {len(self.items)}" if self.items else "there's nothing to decide"
            raise UsageError(f"there's no number {number}", numbers)
        return self.items[number - 1]

    def find(self, word: str) -> Item:
        """The item of a number, a folded name or a parameter.

        Raises:
            UsageError: There's none.
        """
        if word.isascii() and word.isdigit():
            return self.item(int(word[:9]))
        for item in self.items:
            if word == item.title or word in item.names:
                return item
        raise UsageError(f"both sides changed nothing that's called {printable(word)!r}")

    def chosen(self, word: str) -> tuple[str, ...]:
        """The patterns that a user means by `all`, by numbers (`2`, `1,4-6`), by a name or by a pattern.

        Raises:
            UsageError: It matches nothing that can be decided.
        """
        if word == ALL:
            return ("*",)
        if all(_RANGE.fullmatch(part) for part in word.split(",")):
            found = [glob for number in _numbers(word) for glob in self.item(number).globs]
            return ("*",) if "*" in found else tuple(dict.fromkeys(found))
        for item in self.items:
            if word in (item.title, str(item)):
                return item.globs
        if word in self.names:
            return (escaped(word),)
        if any(matches(name, (word,)) for name in self.names):
            return (word,)
        raise UsageError(f"both sides changed nothing that matches {printable(word)!r}")


def overview(plan: Merged) -> Overview:
    """What a plan leaves to decide."""
    undecided = [parameter for parameter in plan.parameters if _is_open(parameter)]
    names = [parameter.name for parameter in undecided]
    folded = fold(((parameter.name,), _kind(parameter), parameter) for parameter in undecided)
    items = tuple(_item(number, group, names) for number, group in enumerate(folded, 1))
    alone = tuple(tuple(_alone(plan.parameters, side)) for side in (0, 1))
    return Overview(len(plan.parameters), items, alone).with_conflicts(plan.conflicts)


def escaped(name: str) -> str:
    """The pattern that matches only this name."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _is_open(parameter: ParameterPlan) -> bool:
    """Whether equality doesn't tell what becomes of it."""
    return not isinstance(parameter.outcome, Taken) or parameter.outcome.rule is not None


def _item(number: int, group: Folded[ParameterPlan], others: Sequence[str]) -> Item:
    parameters = tuple(sorted(group.items, key=lambda parameter: natural(parameter.name)))
    names = tuple(parameter.name for parameter in parameters)
    return Item(number, printable(group.names[0]), names, parameters, _globs(names, others))


def _globs(names: tuple[str, ...], others: Sequence[str]) -> tuple[str, ...]:
    """One pattern if it matches no other name, so that it also fits a model with more layers."""
    if len(names) > 1:
        parts = [_NUMBER.split(name) for name in names]
        numbers = [_NUMBER.findall(name) for name in names]
        pattern = escaped(parts[0][0])
        for at, after in enumerate(parts[0][1:]):
            same = all(each[at] == numbers[0][at] for each in numbers)
            pattern += (numbers[0][at] if same else "*") + escaped(after)
        if {name for name in others if matches(name, [pattern])} == set(names):
            return (pattern,)
    return tuple(map(escaped, names))


def _kind(parameter: ParameterPlan) -> tuple[object, ...]:
    """What parameters of one group have in common: what the sides did, to what dtype and shape."""
    return tuple(
        entry and (entry.spec.dtype, entry.spec.shape) for entry in (parameter.base, *parameter.sides)
    )


def _alone(parameters: Iterable[ParameterPlan], side: int) -> Iterator[tuple[str, int]]:
    only = [s for s in parameters if not _is_open(s) and s.changed == (side,)]
    for group in fold(((parameter.name,), None, parameter) for parameter in only):
        yield printable(group.names[0]), len(group.items)


def _numbers(word: str) -> Iterator[int]:
    for part in word.split(","):
        found = _RANGE.fullmatch(part)
        assert found is not None  # noqa: S101
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise UsageError(f"{part} isn't a range of numbers")
        yield from range(first, last + 1)
