"""The number of threads, and maps over thread pools that stop at a failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, nullcontext
from threading import Lock
from typing import TypeVar

from git_theta.runtime.slabs import slabs

T = TypeVar("T")
R = TypeVar("R")

#: The maximum number of threads. With more, the disk or the pipe is the limit.
_MAX_THREADS = 8

#: Small items share a task until they have this number of bytes together.
_GROUP = 1 << 18

#: Below this number of bytes, the work on an item is mostly Python's own. Threads take turns at it: two at
#: once are slower than one, because they wait for the interpreter at every step.
_TINY = 1 << 16


def default_threads() -> int:
    """The number of cores that this process may use, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _MAX_THREADS))


def run_all(pool: ThreadPoolExecutor, task: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Results in the order of the items.

    An exception cancels the tasks that haven't begun, waits for the others, and is raised.
    """
    return [*stream(pool, task, items)]


def stream(pool: ThreadPoolExecutor, task: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """As `run_all`, but each result is yielded as soon as it and those before it are there.

    Tasks begin when the first result is asked for. To be closed, so that no task goes on after an early end.
    """
    futures = [pool.submit(task, item) for item in items]
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()
        wait(futures)


def run_grouped(
    pool: ThreadPoolExecutor, task: Callable[[T], R], items: Iterable[T], size_of: Callable[[T], int]
) -> list[R]:
    """As `run_all`, with groups as in `stream_grouped`."""
    return [*stream_grouped(pool, task, items, size_of)]


def stream_grouped(
    pool: ThreadPoolExecutor, task: Callable[[T], R], items: Iterable[T], size_of: Callable[[T], int]
) -> Generator[R, None, None]:
    """As `stream`, but small items share a task, and the smallest are worked on by one thread at a time.

    Args:
        pool: The threads.
        task: The function to call with each item.
        items: The items, best with the largest first.
        size_of: The number of bytes that the task of an item works on.
    """
    with closing(stream_groups(pool, lambda group: [*map(task, group)], items, size_of)) as results:
        for group in results:
            yield from group


def run_groups(
    pool: ThreadPoolExecutor,
    task: Callable[[Sequence[T]], R],
    items: Iterable[T],
    size_of: Callable[[T], int],
) -> list[R]:
    """As `run_all`, with groups as in `stream_groups`."""
    return [*stream_groups(pool, task, items, size_of)]


def stream_groups(
    pool: ThreadPoolExecutor,
    task: Callable[[Sequence[T]], R],
    items: Iterable[T],
    size_of: Callable[[T], int],
) -> Generator[R, None, None]:
    """As `stream`, with a task for each group of items as in `stream_grouped`.

    Args:
        pool: The threads.
        task: The function to call with each group; there's at least one item in it.
        items: The items, best with the largest first.
        size_of: The number of bytes that the task works on for an item.
    """
    turn = Lock()

    def run(group: list[T]) -> R:
        with turn if max(map(size_of, group)) < _TINY else nullcontext():
            return task(group)

    yield from stream(pool, run, slabs(items, size_of, _GROUP))
