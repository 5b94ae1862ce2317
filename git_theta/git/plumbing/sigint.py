"""Ctrl-C, which the terminal sends to Git and to what Git has started alike."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from git_theta.errors import ThetaError


@contextmanager
def interrupts_raised() -> Iterator[None]:
    """Let Ctrl-C end what may take long; Git, which got it too, waits for this process.

    Raises:
        ThetaError: It was pressed.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as error:
        raise ThetaError("interrupted", "run it again: what has been fetched isn't fetched again") from error
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C while Git is at work: Git gets it too, and ends the conversation properly."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
