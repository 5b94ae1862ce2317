"""Settings of the interpreter for a short process that works on large buffers."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_TRIM_BYTES = 256 << 20
_MMAP_BYTES = 32 << 20


def keep_memory() -> None:
    """Keep freed memory in this process, and don't look for cyclic garbage.

    Thousands of buffers of about 1 MiB are allocated and freed. If the memory of each went back to the
    system, its pages would be faulted in and zeroed again for the next, which was a tenth of the time of `git
    add`. With another C library than glibc, only the garbage collector is changed.
    """
    gc.disable()
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
        library.mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
