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


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes finished bytes, from any thread.

    Without a terminal on stderr, nothing is shown.

    Args:
        title: What is being done.
        total: Bytes in all.
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
            if bar is None and time.monotonic() - began > _PATIENCE_SECONDS:
                bar = _bar()
                bar.start()
                bar.add_task(title, total=total)
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
