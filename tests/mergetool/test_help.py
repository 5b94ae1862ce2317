from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.mergetool.help import check_strategy_name, help_lines, strategy_lines
from git_theta.report.lines import plain


def test_help_has_commands_and_every_strategy() -> None:
    text = "\n".join(plain(help_lines()))
    for word in ("undo, redo", "ties", "fisher", "passthrough"):
        assert word in text


def test_a_strategy_is_described_with_its_options() -> None:
    lines = list(plain(strategy_lines("fisher")))
    assert lines[0].startswith("  fisher: The average weighted by Fisher information")
    assert [line.split("=")[0].strip() for line in lines[1:]] == ["weights", "files"]


def test_an_unknown_strategy_is_an_error_with_a_suggestion() -> None:
    check_strategy_name("ties")
    with pytest.raises(UsageError) as caught:
        check_strategy_name("tise")
    assert "ties" in caught.value.hint
