"""Version machine-learning models with Git, parameter by parameter.

Attributes:
    __version__: The version of the package.
"""

from __future__ import annotations

import sys
from types import ModuleType

from git_theta.version import __version__

# Every filter start pays for what is imported here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_theta.api import load, manifest

__all__ = ["__version__", "load", "manifest", "merge"]


class _Package(ModuleType):
    """The package, whose `merge` is the function also when the subpackage of that name has been imported."""

    @property
    def merge(self) -> Any:
        """See `git_theta.api_merge.merge`."""
        from git_theta.api_merge import merge

        return merge

    @merge.setter
    def merge(self, _subpackage: ModuleType) -> None:
        """Python sets the subpackage here when it's imported, and finds it without that."""


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in ("load", "manifest"):
        from git_theta import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, also those that aren't imported yet: completion in notebooks shows them."""
    return sorted({*globals(), *__all__})
