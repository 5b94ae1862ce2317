"""The terminal: asking for lines, also where git has other plans for stdin and stdout."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_TERMINAL = "/dev/tty"


def read_line(prompt: str) -> str:
    """A line that the user types, with editing and a history on a terminal; else it's shown, as if typed.

    Raises:
        EOFError: There are no more.
        KeyboardInterrupt: The user interrupts.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise EOFError
    typed = sys.stdin.isatty()
    if typed:
        with suppress(ImportError):
            import readline  # noqa: F401
    try:
        line = input(prompt)
    except UnicodeDecodeError:
        # It matches nothing, and the user is told so.
        line = "\ufffd"
    if not typed:
        print(line, flush=True)
    return line


def write_stdout(data: bytes) -> None:
    """Write to stdout now."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@contextmanager
def on_terminal() -> Iterator[bool]:
    """Have stdin and stdout on the user's terminal; gives whether there's one.

    Ctrl-C then interrupts this process only, and not the git that waits for it. Without a terminal, or if
    the terminal is another job's, nothing changes.
    """
    with ExitStack() as undo:
        try:
            terminal = os.open(_TERMINAL, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            yield False
            return
        undo.callback(os.close, terminal)
        try:
            mine = os.tcgetpgrp(terminal) == os.getpgrp()
        except OSError:
            mine = False
        if not mine:
            yield False
            return
        _take(terminal, undo)
        yield True


def _take(terminal: int, undo: ExitStack) -> None:
    group = os.getpgrp()
    # A process that isn't in the terminal's group is stopped when it changes that group; and if this one
    # were stopped by Ctrl-Z, the shell wouldn't know.
    for ignored in (signal.SIGTTOU, signal.SIGTSTP):
        undo.callback(signal.signal, ignored, signal.signal(ignored, signal.SIG_IGN))
    with suppress(OSError):
        os.setpgid(0, 0)
        undo.callback(os.setpgid, 0, group)
        os.tcsetpgrp(terminal, os.getpgrp())
        undo.callback(os.tcsetpgrp, terminal, group)
    undo.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w")):
        with suppress(OSError):
            kept = os.dup(number)
            undo.callback(_put_back, kept, number)
        os.dup2(terminal, number)
        file = open(number, mode, closefd=False)  # noqa: SIM115
        undo.callback(setattr, sys, name, getattr(sys, name))
        undo.callback(file.close)
        setattr(sys, name, file)


def _put_back(kept: int, number: int) -> None:
    os.dup2(kept, number)
    os.close(kept)
