"""Merge strategies: ways to make one value of the values that several models have of a parameter."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from git_theta.registry import Registry

if TYPE_CHECKING:
    from git_theta.strategies.base import Strategy

#: Name → class, in a module of this package.
_BUILT_IN = {
    "ours": "take_side:TakeOurs",
    "theirs": "take_side:TakeTheirs",
    "base": "take_side:TakeBase",
    "average": "average:Average",
    "average-all": "average:AverageAll",
    "average-ours-base": "average:AverageOursBase",
    "average-theirs-base": "average:AverageTheirsBase",
    "linear": "linear:Linear",
    "task-arithmetic": "task_arithmetic:TaskArithmetic",
    "slerp": "slerp:Slerp",
    "nuslerp": "slerp:NuSlerp",
    "multislerp": "spherical_means:MultiSlerp",
    "karcher": "spherical_means:Karcher",
    "ties": "ties:Ties",
    "dare-linear": "dare:DareLinear",
    "dare-ties": "dare:DareTies",
    "della": "della:Della",
    "della-linear": "della:DellaLinear",
    "breadcrumbs": "breadcrumbs:Breadcrumbs",
    "breadcrumbs-ties": "breadcrumbs:BreadcrumbsTies",
    "sce": "sce:Sce",
    "ram": "ram:Ram",
    "model-stock": "model_stock:ModelStock",
    "nearswap": "nearswap:NearSwap",
    "arcee-fusion": "arcee_fusion:ArceeFusion",
    "passthrough": "passthrough:PassThrough",
    "counter": "counter:CounterRule",
    "ratio": "ratio:Ratio",
    "fisher": "fisher:Fisher",
    "lora-svd": "lora:LoraSvd",
    "lora-cat": "lora:LoraCat",
}


@cache
def registry() -> Registry[Strategy]:
    """The merge strategies that there are."""
    from git_theta.strategies.base import Strategy

    return Registry(
        "merge strategy",
        "git_theta.strategies",
        Strategy,
        {name: f"git_theta.strategies.{place}" for name, place in _BUILT_IN.items()},
    )
