"""Errors that a user sees: what is wrong, what to do next, and the exit code."""

from __future__ import annotations


class ThetaError(Exception):
    """A failure with one clear message.

    Attributes:
        message: What is wrong, as one sentence that names the file, parameter or object.
        hint: The next step for the user, or an empty string.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UsageError(ThetaError):
    """The command was given something that it can't work with."""

    exit_code = 2


class PluginError(UsageError):
    """A plugin isn't installed, or can't be used.

    Attributes:
        reason: Why an installed plugin can't be used; empty if it isn't installed.
    """

    def __init__(self, message: str, hint: str = "", reason: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class FormatError(ThetaError):
    """The bytes aren't a valid file of the format that they claim."""

    exit_code = 3


class ManifestError(ThetaError):
    """The text isn't a valid manifest."""

    exit_code = 4


class MissingObjectError(ThetaError):
    """An object that a manifest names isn't in the store."""

    exit_code = 5


class CorruptError(ThetaError):
    """Stored bytes don't have the digest that they should have."""

    exit_code = 6


class GitError(ThetaError):
    """Git refused, or isn't usable here."""

    exit_code = 7
