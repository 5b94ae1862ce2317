"""Times of files that are written here, for Git, which compares them with the time of its index.

Git reads a file again unless its mtime is before that of the index, as it may have changed when the index was
written. Most builds of Git compare whole seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

SECOND_NS = 10**9

#: Reading fewer bytes again is quicker than waiting for the next second.
_WORTH_WAITING = 64 << 20

#: Seconds by which time stamps of the file system may lag behind the clock.
_LAG = 0.02


def set_mtime(handle: int, earliest: int) -> None:
    """Give a file that is complete a late mtime, so that what was made of the old version is seen to be old.

    The end of the previous second is preferred, as the index needn't wait for a later one then. Otherwise
    it's the present but a nanosecond: the system gives any later change another mtime.

    Args:
        handle: A descriptor of the file.
        earliest: The time, in ns, at which the checkout began, or the file's old version was written.
    """
    os.utime(handle)
    now = os.fstat(handle).st_mtime_ns
    previous_second = now - now % SECOND_NS - 1
    mtime = previous_second if previous_second >= earliest else max(now - 1, earliest)
    os.utime(handle, ns=(mtime, mtime))


def is_worth_waiting(files: Iterable[os.stat_result]) -> bool:
    """Whether files are large enough to wait up to a second, so that Git needn't read them again."""
    return sum(status.st_size for status in files) >= _WORTH_WAITING


def wait_for_next_second(mtimes: Iterable[int]) -> None:
    """Wait until all of these times, in ns, belong to an earlier second; those of the future are ignored."""
    now = time.time_ns()
    newest = max((mtime for mtime in mtimes if mtime <= now), default=0)
    following = newest // SECOND_NS + 1
    time.sleep(max(0, following + _LAG - now / SECOND_NS))
