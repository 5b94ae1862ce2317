"""The choices of a session, as rules, with undo and redo. A later choice takes precedence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.merging.rules import MergeRule

_EVERY = ("*",)


@dataclass(frozen=True, slots=True)
class ChoiceHistory:
    """The choices so far.

    Attributes:
        rules: The choices, the latest last.
        undone: The choices that redo makes again, the next one last.
    """

    rules: tuple[MergeRule, ...] = ()
    undone: tuple[MergeRule, ...] = ()

    def choose(self, rule: MergeRule) -> ChoiceHistory:
        """The history with one more choice, and nothing to redo."""
        return ChoiceHistory((*self.rules, rule))

    def undo(self) -> ChoiceHistory:
        """The history without the last choice.

        Raises:
            UsageError: There's no choice.
        """
        if not self.rules:
            raise UsageError("there's nothing to undo")
        return ChoiceHistory(self.rules[:-1], (*self.undone, self.rules[-1]))

    def redo(self) -> ChoiceHistory:
        """The history with the choice that was undone last.

        Raises:
            UsageError: There's no such choice.
        """
        if not self.undone:
            raise UsageError("there's nothing to redo")
        return ChoiceHistory((*self.rules, self.undone[-1]), self.undone[:-1])


def in_effect(rules: Sequence[MergeRule]) -> tuple[MergeRule, ...]:
    """The rules that aren't replaced entirely by a later one."""
    kept: list[MergeRule] = []
    for rule in reversed(rules):
        if not any(later.parameters in (rule.parameters, _EVERY) for later in kept):
            kept.append(rule)
    return tuple(reversed(kept))
