"""Version machine-learning models with Git, parameter by parameter.

Attributes:
    __version__: The version of the package.
"""

from __future__ import annotations

from git_theta.version import __version__

# Every filter start pays for what is imported here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_theta.api import load, manifest
    from git_theta.api_evaluation import run_tests
    from git_theta.api_lineage import read_lineage
    from git_theta.api_merge import merge

__all__ = ["__version__", "load", "manifest", "merge", "read_lineage", "run_tests"]


def __getattr__(name: str) -> Any:
    if name in ("load", "manifest"):
        from git_theta import api

        return getattr(api, name)
    if name == "merge":
        from git_theta.api_merge import merge

        return merge
    if name == "read_lineage":
        from git_theta.api_lineage import read_lineage

        return read_lineage
    if name == "run_tests":
        from git_theta.api_evaluation import run_tests

        return run_tests
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, also those that aren't imported yet: completion in notebooks shows them."""
    return sorted({*globals(), *__all__})
