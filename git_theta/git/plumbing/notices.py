"""Notices on stderr while Git runs, each line with the program's name before it."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from git_theta.errors import explained, traceback_lines
from git_theta.runtime.output import warn
from git_theta.runtime.shared_folders import make_folders, share

#: Seconds until a notice is repeated.
_DAY = 86400.0


def note(text: str) -> None:
    """Print a notice of one line on stderr."""
    warn(f"git-theta: {text}")


def explain(path: str | None, error: BaseException) -> None:
    """Print a failure of any kind on stderr, with the path of the file that it's about and the hint."""
    first, *others = explained(error).lines
    for line in (f"{path}: {first}" if path else first, *others, *traceback_lines(error)):
        note(line)


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
        make_folders(record.parent)
        record.write_bytes(data)
        share(record)
    return False
