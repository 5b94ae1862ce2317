"""Errors that a user sees: a message, a hint about the next step, and an exit code."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


#: The variable that asks for tracebacks.
DEBUG = "GIT_THETA_DEBUG"


class ThetaError(Exception):
    """A failure with one clear message.

    Attributes:
        message: The problem, as one sentence that names the file, parameter or object.
        hint: The next step for the user, or an empty string.
        details: Further lines of the message, such as a list of files.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "", details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines, not escaped yet: a line break within one of them is part of a name."""
        return (self.message, *self.details, *((f"hint: {self.hint}",) if self.hint else ()))

    @property
    def one_line(self) -> str:
        """The message, with the hint in brackets if there is one."""
        text = " ".join((self.message, *(line.strip() for line in self.details)))
        return f"{text} ({self.hint})" if self.hint else text


def explained(error: BaseException) -> ThetaError:
    """An error with one clear message, for a failure of any kind."""
    if isinstance(error, ThetaError):
        return error
    if isinstance(error, OSError):
        name = f": {error.filename}" if error.filename else ""
        return ThetaError(f"{error.strerror or error}{name}", full_disk_hint(error))
    if isinstance(error, MemoryError):
        return ThetaError("there isn't enough memory", "close other programs, or use a machine with more")
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ThetaError(f"unexpected {text}", f"{DEBUG}=1 shows where it happened, for a bug report")


def full_disk_hint(error: OSError) -> str:
    """The next step after a failure to write; empty unless the disk is full, or the user's share of it."""
    return "free some disk space and try again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""


def traceback_lines(error: BaseException) -> list[str]:
    """The traceback of an error; empty unless the variable `GIT_THETA_DEBUG` asks for it."""
    if not os.environ.get(DEBUG):
        return []
    import traceback

    return "".join(traceback.format_exception(error)).splitlines()


def join_hints(*hints: str) -> str:
    """One hint of several, of which any may be empty."""
    return "; ".join(hint for hint in hints if hint)


class UsageError(ThetaError):
    """The user's arguments, settings or files don't fit the command."""

    exit_code = 2


class ValueChangedError(ThetaError):
    """A file was written to while its values were stored."""


class PluginError(UsageError):
    """A plugin isn't installed, or can't be used.

    Attributes:
        reason: Why an installed plugin can't be used; empty if it isn't installed.
    """

    def __init__(self, message: str, hint: str = "", reason: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class PackedValueError(ThetaError):
    """The elements of a packed value, such as one of 4-bit floats, are asked for one by one."""


class FormatError(ThetaError):
    """A file isn't valid in its format."""

    exit_code = 3


class UnsplitError(FormatError):
    """A valid file whose tensors can't be cut out of it; the message says why, and what would help."""


class ManifestError(ThetaError):
    """A text isn't a valid manifest."""

    exit_code = 4


class MissingObjectError(ThetaError):
    """An object that a manifest names isn't in the store."""

    exit_code = 5


class CorruptError(ThetaError):
    """Stored bytes have another digest than recorded."""

    exit_code = 6


class ExcessError(CorruptError):
    """Stored values take more work or memory than the limits allow."""


class GitError(ThetaError):
    """Git refuses, or can't be used here."""

    exit_code = 7
