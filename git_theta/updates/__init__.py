"""Updates: how a value is obtained from a payload and, for most kinds, from other values."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from git_theta.registry import Registry

if TYPE_CHECKING:
    from git_theta.updates.base import Update

#: The updates that the setting `auto` stands for: the built-in ones that `git add` can choose. Plugins aren't
#: among them: a repository should name those that it needs, and a search would take longer than `git status`.
AUTO = (
    "delta",
    "sparse",
    "low-rank",
    "ia3",
    "rows",
    "gather",
    "cast",
    "scaled-cast",
    "arrange",
    "recipe",
    "patch",
)

#: The built-in updates whose base has another dtype or shape.
RESHAPING = frozenset({"rows", "gather", "cast", "scaled-cast", "arrange", "patch", "inflated", "deflated"})


@cache
def registry() -> Registry[Update]:
    """The built-in updates, and those of installed packages."""
    from git_theta.updates.base import Update

    return Registry(
        "update",
        "git_theta.updates",
        Update,
        {
            "dense": "git_theta.updates.dense:Dense",
            "delta": "git_theta.updates.delta:Delta",
            "steps": "git_theta.updates.steps:Steps",
            "sparse": "git_theta.updates.sparse:Sparse",
            "low-rank": "git_theta.updates.low_rank:LowRank",
            "rows": "git_theta.updates.rows:Rows",
            "gather": "git_theta.updates.gather:Gather",
            "ia3": "git_theta.updates.ia3:Ia3",
            "quantized": "git_theta.updates.quantized:Quantized",
            "sign": "git_theta.updates.sign:Sign",
            "cast": "git_theta.updates.cast:Cast",
            "scaled-cast": "git_theta.updates.scaled_cast:ScaledCast",
            "arrange": "git_theta.updates.arrange:Arrange",
            "patch": "git_theta.updates.patch:Patch",
            "inflated": "git_theta.updates.inflated:Inflated",
            "deflated": "git_theta.updates.deflated:Deflated",
            "recipe": "git_theta.updates.recipe:Recipe",
        },
    )
