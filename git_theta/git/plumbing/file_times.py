"""Times of files that are written here, for Git, which compares them with the time of its index.

Git reads a file again unless its mtime is before that of the index, as it may have changed when the index was
written. Most builds of Git compare whole seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

SECOND_NS = 10**9

#: Reading fewer bytes again takes no longer than a process of Git.
_COSTLY = 64 << 20


def set_mtime(handle: int, earliest: int) -> None:
    """Give a file that is complete a late mtime, so that what was made of the old version is seen to be old.

    The end of the previous second is preferred, as the index is of a later one then. Otherwise it's the
    present but a nanosecond: the system gives any later change another mtime.

    Args:
        handle: A descriptor of the file.
        earliest: The time, in ns, at which the checkout began, or the file's old version was written.
    """
    os.utime(handle)
    now = os.fstat(handle).st_mtime_ns
    previous_second = now - now % SECOND_NS - 1
    mtime = previous_second if previous_second >= earliest else max(now - 1, earliest)
    os.utime(handle, ns=(mtime, mtime))


def is_costly(files: Iterable[os.stat_result]) -> bool:
    """Whether files are so large that it's worth another process of Git to have them not read again."""
    return sum(status.st_size for status in files) >= _COSTLY
