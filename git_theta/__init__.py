"""Version machine-learning models with Git, parameter by parameter.

Attributes:
    __version__: The version of the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from git_theta.api import load, manifest

__all__ = ["__version__", "load", "manifest"]
__version__ = "1.0.0.dev0"


def __getattr__(name: str) -> Any:
    # Importing the package costs every filter start; the API is loaded when it's used.
    if name in ("load", "manifest"):
        from git_theta import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
