"""Libraries that write formats of other programs, imported when a document is written."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from git_theta.errors import UsageError


def required_library(module: str, name: str) -> ModuleType:
    """A module of a library.

    Args:
        module: The module's dotted name.
        name: The library's name, for the message.

    Raises:
        UsageError: The library isn't installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(f"{name} isn't installed", "pip install 'git-theta[lineage-export]'") from error
