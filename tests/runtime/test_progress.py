"""The progress bar, on a real terminal: a pty."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

_CODE = """
from git_theta.runtime.progress import progress
with progress({title!r}, {total}, patience={patience}) as advance:
    for count in {steps}:
        advance(count)
print("done")
"""


def shown(
    total: int | None, steps: list[int], patience: float = 0.0, title: str = "sending", width: int = 120
) -> str:
    """The text that a terminal gets on stderr."""
    code = _CODE.format(title=title, total=total, steps=steps, patience=patience)
    terminal, side = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(width)}
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=side, env=env)
    os.close(side)
    pieces = []
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(terminal)
    assert done.stdout == b"done\n"
    return b"".join(pieces).decode()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_bytes_rate_and_time() -> None:
    text = shown(4_000_000, [1_000_000, 1_000_000, 1_000_000])
    last = plain(text).rstrip().splitlines()[-1]
    assert "sending" in last
    assert "3.0/4.0 MB" in last
    assert "B/s" in last or "?" in last
    assert re.search(r"\d:\d\d|-:--:--", last)


def test_the_bar_is_gone_at_the_end() -> None:
    # The cursor goes to the line of the bar and clears it.
    assert shown(10, [5]).endswith("\x1b[1A\x1b[2K")


@pytest.mark.parametrize("total", [0, None])
def test_an_unknown_total(total: int | None) -> None:
    text = plain(shown(total, [2_000_000, 1_000_000]))
    assert "3.0 MB" in text
    assert "/" not in text.replace("B/s", "")
    assert "%" not in text
    assert "-:--:--" not in text


def test_more_than_there_should_be() -> None:
    text = plain(shown(1_000_000, [900_000, 900_000, -1_000_000, 5_000_000]))
    assert "1.0/1.0 MB" in text
    assert "5." not in text


def test_brackets_are_no_markup() -> None:
    assert "from ssh://[::1]/[bold]x" in plain(shown(10, [5], title="from ssh://[::1]/[bold]x"))


def test_a_long_name_leaves_room_for_the_numbers() -> None:
    text = plain(shown(4_000_000, [1_000_000], title="sending to https://" + "x" * 100, width=80))
    assert "1.0/4.0 MB" in text
    assert "https://" not in text or "…" in text


def test_quick_work_shows_nothing() -> None:
    assert shown(10, [5, 5], patience=60.0) == ""
