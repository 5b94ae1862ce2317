"""Ctrl-C, which the terminal sends both to Git and to the processes that Git has started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from git_theta.errors import ThetaError


@contextmanager
def interrupts_raised() -> Iterator[None]:
    """Let Ctrl-C end long work with an error. Git receives it, too, and waits for this process.

    Raises:
        ThetaError: The user pressed Ctrl-C.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as error:
        raise ThetaError("interrupted", "run it again: objects that have been fetched are kept") from error
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C while Git is at work: Git receives it, too, and closes the pipe properly."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_left_to_others() -> Iterator[None]:
    """Leave Ctrl-C to a program that this process has started and waits for: its editor may use the key."""
    # Unlike an ignored signal, a handled one is as usual in the program.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    # An exception would kill the program, and git would leave its locks.
    ending = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, ending)
