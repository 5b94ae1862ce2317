"""Processes that carry out the jobs of a cascade."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def job_pool(count: int) -> Iterator[Executor]:
    """Processes that run jobs, each in its main thread, where signals for commands arrive.

    If the block ends by an error, jobs that haven't begun don't begin, and commands of others are ended.

    Args:
        count: The number of processes.
    """
    # A fork would have the locks of this process's threads.
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, initializer=_leave_interrupts) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def _leave_interrupts() -> None:
    """Leave Ctrl-C, which the terminal sends to all processes, to the commands and to the main process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
