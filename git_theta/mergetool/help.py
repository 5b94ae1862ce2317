"""Help of a merge session: the commands, and the strategies with their options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from git_theta import strategies
from git_theta.errors import UsageError
from git_theta.mergetool.columns import MOST_WIDTH, cut
from git_theta.report.lines import Line
from git_theta.report.text import printable
from git_theta.runtime.suggest import did_you_mean
from git_theta.strategies.base import summary_of
from git_theta.strategies.option_text import describe

#: An example of each command, and its meaning.
_COMMANDS: Final = (
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

#: Names of strategies in a line.
_NAMES_IN_A_LINE = 8


def help_lines() -> Iterator[Line]:
    """The commands, and the names of all strategies."""
    for example, meaning in _COMMANDS:
        yield (("head", f"  {example:<22}"), ("", meaning))
    names = [strategy.name for strategy in strategies.registry()]
    for start in range(0, len(names), _NAMES_IN_A_LINE):
        label = " " * 14 if start else "  strategies: "
        yield (("faint", label + ", ".join(names[start : start + _NAMES_IN_A_LINE])),)


def strategy_lines(name: str) -> Iterator[Line]:
    """The first line of a strategy's description, and its options.

    Raises:
        UsageError: There's no strategy of that name.
    """
    check_strategy_name(name)
    strategy = strategies.registry().get(name)
    yield (("head", f"  {name}:"), ("", f" {summary_of(strategy)}"))
    options = {f"{option.name}={option.default}": option.help for option in describe(strategy)}
    width = max(map(len, options), default=0)
    for option, meaning in options.items():
        yield (("", f"    {option:<{width}}"), ("faint", f"  {cut(meaning, MOST_WIDTH - width - 6)}"))


def check_strategy_name(name: str) -> None:
    """Check that there's a strategy of that name. The message is shorter than that of the registry.

    Raises:
        UsageError: There's none.
    """
    names = [strategy.name for strategy in strategies.registry()]
    if name not in names:
        hint = did_you_mean(name, names) or "help lists the strategies"
        raise UsageError(f"there's no strategy {printable(name)!r}", hint)
