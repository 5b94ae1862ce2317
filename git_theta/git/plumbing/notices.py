"""Telling the user something while Git runs: on stderr, with our name before it."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

from git_theta.errors import ThetaError

#: Seconds after which a notice is repeated.
_DAY = 86400.0


def note(text: str) -> None:
    """Tell the user something, on stderr."""
    print(f"git-theta: {text}", file=sys.stderr, flush=True)


def explain(path: str | None, error: ThetaError) -> None:
    """Tell the user about a failure, on stderr."""
    where = f"{path}: " if path else ""
    note(where + str(error).replace("\n", "\ngit-theta: "))


def note_daily(record: Path, text: str) -> None:
    """Tell the user something, at most once a day.

    Args:
        record: The file that keeps the last text; its time of modification is when the user was told.
        text: The notice.
    """
    if not _is_fresh(record, text):
        note(text)


def _is_fresh(record: Path, text: str) -> bool:
    """Whether the record has the same text from the last day; from now on, it has."""
    with suppress(OSError, UnicodeDecodeError):
        if record.read_text() == text and time.time() - record.stat().st_mtime < _DAY:
            return True
    with suppress(OSError):
        record.parent.mkdir(exist_ok=True)
        record.write_text(text)
    return False
