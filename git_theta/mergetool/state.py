"""State: the choices of a session, as rules. A later one takes precedence, so undoing drops the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.merge.rules import MergeRule

_EVERY = ("*",)


@dataclass(frozen=True, slots=True)
class State:
    """What was chosen so far.

    Attributes:
        rules: The choices, the latest last.
        undone: Choices that can be made again, the next one last.
    """

    rules: tuple[MergeRule, ...] = ()
    undone: tuple[MergeRule, ...] = ()

    def choose(self, rule: MergeRule) -> State:
        """With one more choice; what was undone can't be redone any more."""
        return State((*self.rules, rule))

    def undo(self) -> State:
        """Without the last choice.

        Raises:
            UsageError: There's none.
        """
        if not self.rules:
            raise UsageError("there's nothing to undo")
        return State(self.rules[:-1], (*self.undone, self.rules[-1]))

    def redo(self) -> State:
        """With the choice that was undone last.

        Raises:
            UsageError: There's none.
        """
        if not self.undone:
            raise UsageError("there's nothing to redo")
        return State((*self.rules, self.undone[-1]), self.undone[:-1])


def in_effect(rules: Sequence[MergeRule]) -> tuple[MergeRule, ...]:
    """Rules without those that a later one replaces entirely."""
    kept: list[MergeRule] = []
    for rule in reversed(rules):
        if not any(later.parameters in (rule.parameters, _EVERY) for later in kept):
            kept.append(rule)
    return tuple(reversed(kept))
