"""An early end of this process: after Ctrl-C or SIGTERM, or when the program that it serves is gone.

Threads can't be stopped, and one may compute for minutes. So the process ends under them, as a killed one
does, but removes the temporary files whose names are known here. The names belong to the whole process, as
its signal handlers do.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import NoReturn

#: The exit code of a command that Ctrl-C ended.
INTERRUPTED = 130

#: Seconds that the main thread has to clean up after Ctrl-C, before the process ends under it.
_GRACE = 0.4

#: Seconds that a rename may hold up the end of the process.
_PATIENCE = 1.0

#: Signals that end the process → what they usually do.
_ENDING = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}

_names: set[str] = set()
_groups: set[int] = set()
_lock = _thread.allocate_lock()


def end_early(code: int, message: str = "") -> NoReturn:
    """End registered programs, remove temporary files, print a message on stderr, and end the process.

    Args:
        code: The exit code.
        message: Without the line end; empty for none.
    """
    # It's never released: no thread may make another file, and no second end may print another message.
    _lock.acquire(timeout=_PATIENCE)
    for group in _groups:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    for name in _names:
        with suppress(OSError):
            _remove(name)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    if message:
        with suppress(OSError):
            os.write(2, message.encode() + b"\n")
    os._exit(code)


def end_at_interrupt(message: str, code: int = INTERRUPTED) -> None:
    """Let Ctrl-C end this process within a second: with `KeyboardInterrupt`, or else in spite of its threads.

    SIGTERM, and SIGHUP when the terminal is closed, end it in the same way. A signal that is ignored or
    handled already stays so. To be called by the main thread, once.

    Args:
        message: Printed on stderr, unless the process ends in time by itself.
        code: The exit code then.
    """
    handled = [number for number, usual in _ENDING.items() if signal.getsignal(number) is usual]
    if not handled:
        return
    waiting, wakeup = os.pipe()
    os.set_blocking(wakeup, False)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # A second Ctrl-C would break off the cleaning up.
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    def watch() -> None:
        # Python's handler waits for the main thread, which may compute; this descriptor doesn't.
        while number := os.read(waiting, 1):
            if number[0] in handled and signal.getsignal(number[0]) in (interrupt, signal.SIG_IGN):
                time.sleep(_GRACE)
                end_early(code, message)

    for each in handled:
        signal.signal(each, interrupt)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    _thread.start_new_thread(watch, ())


def register_temporary(path: str) -> None:
    """Have an early end remove a file or a folder."""
    with _lock:
        _names.add(path)


def forget_temporary(path: str) -> None:
    """Have an early end leave a file or a folder, as it's removed already, or stays."""
    with _lock:
        _names.discard(path)


@contextmanager
def starting_group() -> Iterator[Callable[[int], object]]:
    """Hold up an early end while a program starts in a process group of its own.

    Yields:
        A function that takes the group's number: from then on, an early end kills the group.
    """
    with _lock:
        yield _groups.add


def forget_group(group: int) -> None:
    """Have an early end leave a process group, which has ended."""
    with _lock:
        _groups.discard(group)


def rename_temporary(path: str, target: str | os.PathLike[str]) -> None:
    """Rename a registered file; an early end doesn't remove it any more.

    Raises:
        OSError: It can't be renamed, and stays registered.
    """
    with _lock:
        os.rename(path, target)
        _names.discard(path)


def remove_temporary(path: str) -> None:
    """Remove a registered file. Failures aren't reported: the file may have been renamed."""
    with _lock:
        if path in _names:
            _names.discard(path)
            with suppress(OSError):
                os.unlink(path)


@contextmanager
def temporary_folder(parent: str | os.PathLike[str] | None = None, prefix: str = "theta-") -> Iterator[str]:
    """A folder that is removed at the end of the block, and at an early end.

    Raises:
        OSError: It can't be made.
    """
    import tempfile

    with tempfile.TemporaryDirectory(dir=parent, prefix=prefix) as folder:
        register_temporary(folder)
        try:
            yield folder
        finally:
            with _lock:
                _names.discard(folder)


def _remove(path: str) -> None:
    if os.path.isdir(path):
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        os.unlink(path)
