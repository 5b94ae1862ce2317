"""A progress bar on stderr for work that takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from git_theta.runtime.output import message_line

#: Seconds until a bar is shown.
_PATIENCE_SECONDS = 1.0

#: Width in columns of the bar, and of the numbers with the spaces between them.
_BAR = 16
_NUMBERS = 40


@contextmanager
def progress(
    title: str, total: int | None, patience: float = _PATIENCE_SECONDS
) -> Iterator[Callable[[int], None]]:
    """Yield a function that any thread calls with the number of bytes that it has finished.

    The bar shows bytes, their rate and the time left, and is removed at the end. Without a terminal on
    stderr, nothing is shown.

    Args:
        title: A description of the work, before the bar.
        total: All bytes of the work; `None` or 0 if unknown: the bar then only moves.
        patience: Seconds until the bar is shown.
    """
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    began, turn = time.monotonic(), Lock()
    done = 0
    bar: Any = None

    def advance(count: int) -> None:
        nonlocal done, bar
        with turn:
            done += count
            if bar is None and time.monotonic() - began >= patience:
                bar = _bar(bool(total))
                bar.start()
                bar.add_task(message_line(title), total=total or None)
            if bar is not None:
                # Bytes that are transferred again after a failure are counted twice for a moment.
                bar.update(bar.task_ids[0], completed=max(0, min(done, total or done)))

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()


def _bar(sized: bool) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        FileSizeColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column

    console = Console(stderr=True)
    # A long URL is cut, so that there's room for the numbers.
    name = Column(no_wrap=True, overflow="ellipsis", max_width=max(10, console.width - _BAR - _NUMBERS))
    return Progress(
        # A URL or a path may have brackets.
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(_BAR),
        DownloadColumn() if sized else FileSizeColumn(),
        TransferSpeedColumn(),
        *([TimeRemainingColumn()] if sized else []),
        console=console,
        transient=True,
    )
