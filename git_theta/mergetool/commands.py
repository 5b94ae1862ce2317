"""Commands: what a typed line means."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from git_theta.errors import UsageError
from git_theta.merge.rules import MergeRule, parse
from git_theta.runtime.suggest import did_you_mean

#: Commands → how many words may follow, at least and at most.
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

#: What is shown of the commands.
HELP: Final = (
    ("2 ties density=0.3", "merge number 2 by a strategy, with an option"),
    ("1,4-6 theirs", "take theirs for some numbers"),
    ("embeddings.* average", "for a parameter, or for all that match a pattern"),
    ("all ours", "for everything that both sides changed"),
    ("list [FROM]", "show what is to be decided"),
    ("open 2 [FROM]", "show number 2 parameter by parameter"),
    ("undo, redo", "take the last choice back, or make it again"),
    ("preview", "show what would come out"),
    ("remember", "keep the choices as rules for the next merges of this file"),
    ("write", "merge, and end"),
    ("quit", "end, and leave everything as it was; also Ctrl-D and Ctrl-C"),
    ("help [STRATEGY]", "show this, or a strategy's options"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """Something to do.

    Attributes:
        verb: One of the commands.
        words: What follows it.
    """

    verb: str
    words: tuple[str, ...] = ()

    def start(self, at: int) -> int:
        """The number that one of the words is, from 1; 1 if there's no such word.

        Raises:
            UsageError: It isn't a number.
        """
        if at >= len(self.words):
            return 1
        word = self.words[at]
        if not (word.isascii() and word.isdigit() and 0 < int(word) < 1 << 31):
            raise UsageError(
                f"{word!r} isn't a number from 1", f"for example: {self.verb} {'2' if at else '20'}"
            )
        return int(word)


@dataclass(frozen=True, slots=True)
class Choice:
    """A strategy for something.

    Attributes:
        target: What for, as typed.
        rule: The strategy and its options, for all parameters.
    """

    target: str
    rule: MergeRule


def read(line: str) -> Command | Choice | None:
    """What a line means; `None` for an empty one.

    Raises:
        UsageError: It means nothing; says in one line what could be meant.
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
    return Choice(words[0], _rule(words[1:]))


def _command(verb: str, words: tuple[str, ...]) -> Command:
    least, most = _VERBS[verb]
    if len(words) < least:
        raise UsageError(f"{verb!r} needs a number", f"for example: {verb} 2")
    if len(words) > most:
        raise UsageError(f"{words[most]!r} is too much after {verb!r}")
    return Command(verb, words)


def _rule(words: Sequence[str]) -> MergeRule:
    rule = parse(shlex.join(words))
    if rule != MergeRule(rule.strategy, rule.options):
        raise UsageError("what a choice is for goes first", "for example: embeddings.* theirs")
    return rule
