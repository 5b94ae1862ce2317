"""Commands of a merge session: the grammar of a typed line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from git_theta.errors import UsageError
from git_theta.merging.rule_text import parse_rule
from git_theta.merging.rules import MergeRule
from git_theta.runtime.suggest import did_you_mean

#: Verb → the least and the most words that may follow.
_VERBS: Final = {
    "list": (0, 1),
    "open": (1, 2),
    "undo": (0, 0),
    "redo": (0, 0),
    "preview": (0, 0),
    "remember": (0, 0),
    "write": (0, 0),
    "quit": (0, 0),
    "help": (0, 1),
}

_SHORT: Final = {
    "q": "quit",
    "exit": "quit",
    "?": "help",
    "h": "help",
    "ls": "list",
    "o": "open",
    "w": "write",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command, as opposed to a choice.

    Attributes:
        verb: Verb, such as `list`.
        words: The words after the verb.
    """

    verb: str
    words: tuple[str, ...] = ()

    def start(self, index: int) -> int:
        """The first number of a page, from 1: one of the words, or 1 if there are fewer words.

        Args:
            index: Index of the word.

        Raises:
            UsageError: The word isn't a number.
        """
        if index >= len(self.words):
            return 1
        word = self.words[index]
        if not (word.isascii() and word.isdigit() and 0 < int(word) < 1 << 31):
            raise UsageError(
                f"{word!r} isn't a number from 1", f"for example: {self.verb} {'2' if index else '20'}"
            )
        return int(word)


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """A strategy for some of the items.

    Attributes:
        target: The items, as typed: numbers, a name, a pattern or `all`.
        rule: The strategy and its options, for all parameters.
    """

    target: str
    rule: MergeRule


def parse_line(line: str) -> Command | StrategyChoice | None:
    """The command or choice of a line; `None` for an empty line.

    Raises:
        UsageError: The line is neither. The hint has an example.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError("a quote isn't closed") from error
    if not words:
        return None
    verb = _SHORT.get(words[0], words[0])
    if verb in _VERBS:
        return _command(verb, tuple(words[1:]))
    if len(words) == 1:
        what = did_you_mean(verb, _VERBS) or f"for example: {shlex.quote(words[0])} theirs"
        raise UsageError(f"{words[0]!r} is no command, and there's no strategy after it", what)
    return StrategyChoice(words[0], _rule(words[1:]))


def _command(verb: str, words: tuple[str, ...]) -> Command:
    least, most = _VERBS[verb]
    if len(words) < least:
        raise UsageError(f"{verb!r} needs a number", f"for example: {verb} 2")
    if len(words) > most:
        raise UsageError(f"{words[most]!r} is too much after {verb!r}")
    return Command(verb, words)


def _rule(words: Sequence[str]) -> MergeRule:
    rule = parse_rule(shlex.join(words))
    if rule != MergeRule(rule.strategy, rule.options):
        raise UsageError("what a choice is for goes first", "for example: embeddings.* theirs")
    return rule
