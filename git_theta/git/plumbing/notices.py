"""Notices on stderr while Git runs, each line with the program's name before it."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

from git_theta.errors import ThetaError

#: Seconds until a notice is repeated.
_DAY = 86400.0


def note(text: str) -> None:
    """Print a notice on stderr."""
    print(f"git-theta: {text}", file=sys.stderr, flush=True)


def explain(path: str | None, error: ThetaError) -> None:
    """Print an error on stderr, with the path of the file that it's about and the hint."""
    where = f"{path}: " if path else ""
    note(where + str(error).replace("\n", "\ngit-theta: "))


def note_daily(record: Path, text: str) -> None:
    """Print a notice on stderr, at most once a day.

    Args:
        record: The file that keeps the last text. Its mtime is the time of the last notice.
        text: The notice.
    """
    if not _is_fresh(record, text):
        note(text)


def _is_fresh(record: Path, text: str) -> bool:
    """Whether the record has this text from the last 24 hours; if not, the text is recorded."""
    data = text.encode("utf-8", "surrogateescape")
    with suppress(OSError):
        if record.read_bytes() == data and time.time() - record.stat().st_mtime < _DAY:
            return True
    with suppress(OSError):
        record.parent.mkdir(exist_ok=True)
        record.write_bytes(data)
    return False
