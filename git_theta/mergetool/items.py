"""Items to decide: parameters in groups of similar names, with numbers that stay the same for a session."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from git_theta.errors import UsageError
from git_theta.merging.outcome import Conflict, Merged, ParameterPlan, Taken
from git_theta.model.parameter_names import matches
from git_theta.report.fold import Folded, fold, natural
from git_theta.report.merge_summary import conflict_name
from git_theta.report.text import plural, printable

_NUMBER = re.compile(r"(?<![^./])\d+(?![^./])")
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")

#: The word that chooses every item.
ALL = "all"


@dataclass(frozen=True, slots=True)
class Item:
    """A group of parameters that both sides changed, or a value that isn't a tensor.

    Attributes:
        number: Number in commands, from 1.
        title: The folded name, such as `layer.{0-11}.weight`.
        names: Names of the parameters, or the name of the value.
        parameters: The parameters; empty for a value that isn't a tensor.
        globs: Patterns that match these names, and no other names that both sides changed.
    """

    number: int
    title: str
    names: tuple[str, ...]
    parameters: tuple[ParameterPlan, ...]
    globs: tuple[str, ...]

    def __str__(self) -> str:
        """The title, and the number of parameters."""
        return self.title + (f" x{len(self.names)}" if len(self.names) > 1 else "")


@dataclass(frozen=True, slots=True)
class Overview:
    """The changes of both sides, and of only one side.

    Attributes:
        total: Number of parameters in all versions.
        items: Items that both sides changed differently.
        one_sided: For ours and theirs, the folded names of parameters that only this side changed, each with
            the number of its parameters.
    """

    total: int
    items: tuple[Item, ...]
    one_sided: tuple[tuple[tuple[str, int], ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of everything that can be decided."""
        return tuple(name for item in self.items for name in item.names)

    def description(self, globs: Sequence[str]) -> str:
        """Text for the names that patterns match: an item, or the numbers of parameters and other values."""
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
        """The overview with items for new conflicts, to which a choice may lead."""
        known = set(self.names)
        new = [conflict for conflict in conflicts if conflict.name not in known]
        items = [*self.items]
        for conflict in new:
            name = conflict.name
            # The whole file has an empty name, which only this pattern matches.
            globs = (escaped(name),) if name else ("*",)
            items.append(Item(len(items) + 1, conflict_name(conflict), (name,), (), globs))
        return replace(self, items=tuple(items))

    def item(self, number: int) -> Item:
        """The item of a number.

        Raises:
            UsageError: There's no such item.
        """
        if not 0 < number <= len(self.items):
            numbers = f"they go from 1 to {len(self.items)}" if self.items else "there's nothing to decide"
            raise UsageError(f"there's no number {number}", numbers)
        return self.items[number - 1]

    def find(self, word: str) -> Item:
        """The item of a number, a folded name or a parameter.

        Raises:
            UsageError: There's no such item.
        """
        if word.isascii() and word.isdigit():
            return self.item(int(word[:9]))
        for item in self.items:
            if word == item.title or word in item.names:
                return item
        raise UsageError(f"both sides changed nothing that's called {printable(word)!r}")

    def globs(self, target: str) -> tuple[str, ...]:
        """The patterns of `all`, of numbers (`2`, `1,4-6`), of a name or of a pattern.

        Args:
            target: The word that the user typed.

        Raises:
            UsageError: The word matches nothing that can be decided.
        """
        if target == ALL:
            return ("*",)
        if all(_RANGE.fullmatch(part) for part in target.split(",")):
            found = [glob for number in _numbers(target) for glob in self.item(number).globs]
            return ("*",) if "*" in found else tuple(dict.fromkeys(found))
        for item in self.items:
            if target in (item.title, str(item)):
                return item.globs
        if target in self.names:
            return (escaped(target),)
        if any(matches(name, (target,)) for name in self.names):
            return (target,)
        raise UsageError(f"both sides changed nothing that matches {printable(target)!r}")


def overview(plan: Merged) -> Overview:
    """The items of a plan, and the changes that need no decision."""
    undecided = [parameter for parameter in plan.parameters if _needs_rule(parameter)]
    names = [parameter.name for parameter in undecided]
    folded = fold(((parameter.name,), _types(parameter), parameter) for parameter in undecided)
    items = tuple(_item(number, group, names) for number, group in enumerate(folded, 1))
    one_sided = tuple(tuple(_one_sided(plan.parameters, side)) for side in (0, 1))
    return Overview(len(plan.parameters), items, one_sided).with_conflicts(plan.conflicts)


def escaped(name: str) -> str:
    """The pattern that matches only this name."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _needs_rule(parameter: ParameterPlan) -> bool:
    """Whether a rule decides about a parameter, as several sides changed it."""
    return not isinstance(parameter.outcome, Taken) or parameter.outcome.rule is not None


def _item(number: int, group: Folded[ParameterPlan], others: Sequence[str]) -> Item:
    parameters = tuple(sorted(group.items, key=lambda parameter: natural(parameter.name)))
    names = tuple(parameter.name for parameter in parameters)
    return Item(number, printable(group.names[0]), names, parameters, _globs(names, others))


def _globs(names: tuple[str, ...], others: Sequence[str]) -> tuple[str, ...]:
    """Patterns that match these names and none of the others.

    With a wildcard for layer numbers, if possible: such a rule also fits a model with more layers.
    """
    if len(names) > 1:
        parts = [_NUMBER.split(name) for name in names]
        numbers = [_NUMBER.findall(name) for name in names]
        pattern = escaped(parts[0][0])
        for i, after in enumerate(parts[0][1:]):
            same = all(each[i] == numbers[0][i] for each in numbers)
            pattern += (numbers[0][i] if same else "*") + escaped(after)
        if {name for name in others if matches(name, [pattern])} == set(names):
            return (pattern,)
    return tuple(map(escaped, names))


def _types(parameter: ParameterPlan) -> tuple[object, ...]:
    """Dtype and shape in each version, which all parameters of a group have in common."""
    return tuple(
        entry and (entry.spec.dtype, entry.spec.shape) for entry in (parameter.base, *parameter.sides)
    )


def _one_sided(parameters: Iterable[ParameterPlan], side: int) -> Iterator[tuple[str, int]]:
    changed = [each for each in parameters if not _needs_rule(each) and each.changed == (side,)]
    for group in fold(((parameter.name,), None, parameter) for parameter in changed):
        yield printable(group.names[0]), len(group.items)


def _numbers(word: str) -> Iterator[int]:
    """The numbers of a text such as `1,4-6`."""
    for part in word.split(","):
        found = _RANGE.fullmatch(part)
        assert found is not None  # noqa: S101
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise UsageError(f"{part} isn't a range of numbers")
        yield from range(first, last + 1)
