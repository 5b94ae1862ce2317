"""Lines from the user's terminal, also where Git uses stdin and stdout for other things."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from git_theta.runtime.output import accept_any_text, message_line, say

_TERMINAL = "/dev/tty"


def read_line(prompt: str) -> str:
    """A line from stdin: with editing and a history on a terminal; from elsewhere, echoed to stdout.

    Raises:
        EOFError: Stdin has ended.
        KeyboardInterrupt: The user pressed Ctrl-C.
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
        # No command or name has this character, so the line is answered with an error.
        line = "\ufffd"
    if not typed:
        say(line)
    return line


def confirm(question: str) -> bool | None:
    """The user's answer on the terminal to a question with yes or no; `None` if nobody can be asked.

    As for Git's own questions, `GIT_TERMINAL_PROMPT=0` forbids it.
    """
    if os.environ.get("GIT_TERMINAL_PROMPT", "").lower() in ("0", "false", "no", "off"):
        return None
    with suppress(OSError), open(_TERMINAL, "r+b", buffering=0) as terminal:
        if os.tcgetpgrp(terminal.fileno()) != os.getpgrp():
            # The terminal belongs to another job, and to read from it would stop this one.
            return None
        terminal.write(f"git-theta: {message_line(question)} [y/N] ".encode())
        return terminal.readline().strip().lower() in (b"y", b"yes")
    return None


@contextmanager
def on_terminal() -> Iterator[bool]:
    """Connect stdin and stdout to the user's terminal; yields whether there is one.

    Meanwhile, Ctrl-C interrupts this process only, and not the git that waits for it. Without a terminal, or
    if the terminal belongs to another job, nothing changes.
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
    # A process outside of the terminal's group is stopped when it changes that group. And if Ctrl-Z stopped
    # this process, the shell wouldn't know.
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
        if mode == "w":
            accept_any_text(file)
        undo.callback(setattr, sys, name, getattr(sys, name))
        undo.callback(file.close)
        setattr(sys, name, file)


def _put_back(kept: int, number: int) -> None:
    os.dup2(kept, number)
    os.close(kept)
