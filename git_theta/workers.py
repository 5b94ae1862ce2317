"""Threads: how many, and a map over them that stops at the first failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: More threads than this gain nothing: the disk or the pipe is the limit by then.
_MOST = 8

#: Small items are worked on by one thread until they have this many bytes together.
_GROUP = 1 << 18


def default_threads() -> int:
    """The number of cores that this process may use, within reason."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _MOST))


def run_all(pool: ThreadPoolExecutor, task: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Results in the order of the items.

    The first exception cancels what hasn't begun, waits for what has, and is raised.
    """
    futures = [pool.submit(task, item) for item in items]
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
    finally:
        if any(f.done() and not f.cancelled() and f.exception() for f in futures):
            for future in futures:
                future.cancel()
            wait(futures)
    for future in futures:
        if not future.cancelled() and future.exception():
            future.result()
    return [future.result() for future in futures]


def run_grouped(
    pool: ThreadPoolExecutor, task: Callable[[T], R], items: Iterable[T], size_of: Callable[[T], int]
) -> list[R]:
    """As `run_all`, but small items share a future: there may be thousands of tiny ones.

    Args:
        pool: The threads.
        task: What to do with each item.
        items: The largest ones first, best.
        size_of: Bytes of an item that its task works on.
    """
    groups: list[list[T]] = []
    size = _GROUP
    for item in items:
        if size >= _GROUP:
            groups.append([])
            size = 0
        groups[-1].append(item)
        size += size_of(item)
    return [
        result for results in run_all(pool, lambda group: [*map(task, group)], groups) for result in results
    ]
