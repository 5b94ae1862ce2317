"""How the values that models give a parameter become one."""

from __future__ import annotations

from functools import cache

from git_theta.registry import Registry
from git_theta.strategies.base import Strategy

#: Name → class, in a module of this package.
_BUILT_IN = {
    "ours": "take_side:Ours",
    "theirs": "take_side:Theirs",
    "base": "take_side:Base",
    "average": "average:Average",
    "average-all": "average:AverageAll",
    "average-ours-base": "average:AverageOursBase",
    "average-theirs-base": "average:AverageTheirsBase",
    "linear": "linear:Linear",
    "task-arithmetic": "linear:TaskArithmetic",
    "slerp": "spherical:Slerp",
    "nuslerp": "spherical:NuSlerp",
    "multislerp": "spherical:MultiSlerp",
    "karcher": "spherical:Karcher",
    "ties": "sparsified:Ties",
    "dare-linear": "sparsified:DareLinear",
    "dare-ties": "sparsified:DareTies",
    "della": "sparsified:Della",
    "della-linear": "sparsified:DellaLinear",
    "breadcrumbs": "sparsified:Breadcrumbs",
    "breadcrumbs-ties": "sparsified:BreadcrumbsTies",
    "sce": "sce:Sce",
    "ram": "ram:Ram",
    "model-stock": "model_stock:ModelStock",
    "nearswap": "nearswap:NearSwap",
    "arcee-fusion": "arcee_fusion:ArceeFusion",
    "passthrough": "passthrough:PassThrough",
    "fisher": "fisher:Fisher",
}


@cache
def registry() -> Registry[Strategy]:
    """The merge strategies that there are."""
    return Registry(
        "merge strategy",
        "git_theta.strategies",
        Strategy,
        {name: f"git_theta.strategies.{place}" for name, place in _BUILT_IN.items()},
    )
