from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.mergetool.commands import Command, StrategyChoice, parse_line
from git_theta.merging.rules import MergeRule


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("", None),
        ("   ", None),
        ("list", Command("list")),
        ("q", Command("quit")),
        ("open 2 20", Command("open", ("2", "20"))),
        ("2 ties density=0.3", StrategyChoice("2", MergeRule("ties", (("density", "0.3"),)))),
        ("all ours", StrategyChoice("all", MergeRule("ours"))),
        ("'a b.*' theirs", StrategyChoice("a b.*", MergeRule("theirs"))),
    ],
)
def test_lines(line: str, meaning: Command | StrategyChoice | None) -> None:
    assert parse_line(line) == meaning


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lsit", "no command"),
        ("'", "a quote isn't closed"),
        ("open", "needs a number"),
        ("undo 2", "too much"),
        ("2 ties density", "isn't OPTION=VALUE"),
        ("2 ties parameters=x", "goes first"),
        ("2 ties path=x", "goes first"),
    ],
)
def test_wrong_lines(line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_line(line)


def test_a_number() -> None:
    command = Command("open", ("2", "x"))
    assert command.start(0) == 2
    assert command.start(5) == 1
    for word in ("0", "-1", "²", "99999999999"):
        with pytest.raises(UsageError):
            Command("list", (word,)).start(0)
