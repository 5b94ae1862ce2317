"""A progress bar on stderr, for work that turns out to be long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

#: Work that ends sooner shows no bar.
_PATIENCE_SECONDS = 1.0

#: Columns of the bar itself, and those that the numbers may take with spaces between.
_BAR = 16
_NUMBERS = 40


@contextmanager
def progress(
    title: str, total: int | None, patience: float = _PATIENCE_SECONDS
) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes finished bytes, from any thread.

    The bar shows bytes, their rate and the time left, and is gone at the end. Without a terminal on
    stderr, nothing is shown.

    Args:
        title: What is being done.
        total: Bytes in all; `None` or 0 if that isn't known: the bar then only moves.
        patience: Seconds before which nothing is shown.
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
                bar.add_task(title, total=total or None)
            if bar is not None:
                # What is tried again is counted again, for a moment.
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
    # However long a URL is, the numbers are worth more.
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
