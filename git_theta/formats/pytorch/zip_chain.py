"""Zip archives that follow each other in a file: one for each tensor of PyTorch's distributed checkpoints."""

from __future__ import annotations

from git_theta.errors import FormatError
from git_theta.formats.zip_structs import (
    END,
    END_64,
    END_64_MAGIC,
    END_MAGIC,
    LOCAL_MAGIC,
    LOCATOR_64,
    LOCATOR_64_MAGIC,
)

#: Archives in one file.
MAX_ARCHIVES = 300_000


def archive_start(data: memoryview, end: int) -> int | None:
    """The start of the archive without a comment that ends at a position; `None` if none does.

    The positions in an archive count from its own start.
    """
    last = end - END.size
    if last < 0 or data[last : last + 4] != END_MAGIC:
        return None
    *_, size, start, comment = END.unpack_from(data, last)
    found = last - size - start
    wide = last - LOCATOR_64.size
    if wide - END_64.size >= 0 and data[wide : wide + 4] == LOCATOR_64_MAGIC:
        record = wide - END_64.size
        if data[record : record + 4] != END_64_MAGIC:
            return None
        *_, size, start = END_64.unpack_from(data, record)
        found = record - size - start
    return found if not comment and 0 <= found < last and data[found : found + 4] == LOCAL_MAGIC else None


def archives(data: memoryview) -> list[tuple[int, int]]:
    """Start and end of each of the archives that a file ends with, in order.

    Raises:
        FormatError: There are too many.
    """
    found: list[tuple[int, int]] = []
    end = len(data)
    while end and (start := archive_start(data, end)) is not None:
        found.append((start, end))
        if len(found) > MAX_ARCHIVES:
            raise FormatError(f"more than {MAX_ARCHIVES} archives follow each other")
        end = start
    return found[::-1]
