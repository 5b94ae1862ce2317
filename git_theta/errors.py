"""Errors that a user sees: a message, a hint about the next step, and an exit code."""

from __future__ import annotations


class ThetaError(Exception):
    """A failure with one clear message.

    Attributes:
        message: The problem, as one sentence that names the file, parameter or object.
        hint: The next step for the user, or an empty string.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message

    @property
    def one_line(self) -> str:
        """The message, with the hint in brackets if there is one."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


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


class FormatError(ThetaError):
    """A file isn't valid in its format."""

    exit_code = 3


class ManifestError(ThetaError):
    """A text isn't a valid manifest."""

    exit_code = 4


class MissingObjectError(ThetaError):
    """An object that a manifest names isn't in the store."""

    exit_code = 5


class CorruptError(ThetaError):
    """Stored bytes have another digest than recorded."""

    exit_code = 6


class GitError(ThetaError):
    """Git refuses, or can't be used here."""

    exit_code = 7
