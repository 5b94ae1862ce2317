"""Our strategies against mergekit's methods; skipped without mergekit.

    pip install torch mergekit pytest
    python -m pytest tests/strategies/test_mergekit.py

One test gives mergekit the inputs as float64, to compare methods without their rounding: all deterministic
methods agree to 1e-11 of the largest element.

The other gives both fp32 or bf16 values, has mergekit compute in float32, as its users do, and rounds both
results to the dtype. The bound is one unit in the last place of the result, plus the float32 roundings of
mergekit: 2^-20 of the largest element (eight of them), or more where it subtracts numbers that are nearly
equal (`ROUNDINGS`). Methods that select elements may select others where changes are equal, which they often
are on the coarse grid of bf16, or where rounding decides; there the test bounds how many those are
(`ELSEWHERE`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from git_theta.strategies import registry
from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import from_array

torch = pytest.importorskip("torch")
mergekit = pytest.importorskip("mergekit.merge_methods")
pytestmark = pytest.mark.oracle

Array = np.ndarray[Any, Any]

#: Whether mergekit is given the merge base: as an input of its own, as nothing, or as one of the two models.
APART, NONE, OURS = "apart", "none", "ours"

#: Our name, our options, mergekit's name and parameters, where the base goes, how many models.
METHODS: list[tuple[str, dict[str, Any], str, dict[str, Any], str, tuple[int, ...]]] = [
    ("slerp", {"t": 0.3}, "slerp", {"t": 0.3}, OURS, (2,)),
    ("slerp", {}, "slerp", {"t": 0.5}, OURS, (2,)),
    ("slerp", {"t": 1.0}, "slerp", {"t": 1.0}, OURS, (2,)),
    ("nuslerp", {}, "nuslerp", {"weight": 1.0}, NONE, (2,)),
    ("nuslerp", {"weights": (3.0, 1.0)}, "nuslerp", {"weight": [3.0, 1.0]}, NONE, (2,)),
    ("nuslerp", {"weights": (3.0, 1.0), "changes": True}, "nuslerp", {"weight": [3.0, 1.0]}, APART, (2,)),
    ("nuslerp", {"vectors": "last"}, "nuslerp", {"weight": 1.0, "nuslerp_flatten": False}, NONE, (2,)),
    (
        "nuslerp",
        {"vectors": "first", "changes": True},
        "nuslerp",
        {"weight": 1.0, "nuslerp_flatten": False, "nuslerp_row_wise": True},
        APART,
        (2,),
    ),
    ("multislerp", {}, "multislerp", {"weight": 1.0, "eps": 1e-30}, NONE, (2, 3)),
    ("multislerp", {"changes": True}, "multislerp", {"weight": 1.0, "eps": 1e-30}, APART, (2, 3)),
    (
        "multislerp",
        {"weights": (1.0, 2.0, 0.5), "normalize": False},
        "multislerp",
        {"weight": [1.0, 2.0, 0.5], "normalize_weights": False, "eps": 1e-30},
        NONE,
        (3,),
    ),
    ("karcher", {}, "karcher", {}, NONE, (2, 3)),
    ("karcher", {"max_iter": 1, "tol": 1e-3}, "karcher", {"max_iter": 1, "tol": 1e-3}, NONE, (2, 3)),
    ("ties", {}, "ties", {"weight": 1.0}, APART, (2, 3)),
    ("ties", {"density": (0.2,)}, "ties", {"weight": 1.0, "density": 0.2}, APART, (2, 3)),
    (
        "ties",
        {"density": (0.5, 0.3), "weights": (1.0, 0.5), "scale": 1.5, "rescale": True, "normalize": False},
        "ties",
        {"density": [0.5, 0.3], "weight": [1.0, 0.5], "lambda": 1.5, "rescale": True, "normalize": False},
        APART,
        (2,),
    ),
    ("ties", {"density": (0.0,)}, "ties", {"density": 0.0, "weight": 1.0}, APART, (2,)),
    ("dare-linear", {}, "dare_linear", {"weight": 1.0}, APART, (2, 3)),
    (
        "dare-ties",
        {"weights": (0.7, -0.2), "normalize": True},
        "dare_ties",
        {"weight": [0.7, -0.2], "normalize": True},
        APART,
        (2,),
    ),
    ("della", {}, "della", {"weight": 1.0}, APART, (2, 3)),
    ("della-linear", {"weights": (2.0, 1.0)}, "della_linear", {"weight": [2.0, 1.0]}, APART, (2,)),
    ("breadcrumbs", {}, "breadcrumbs", {"weight": 1.0}, APART, (2, 3)),
    (
        "breadcrumbs",
        {"density": (0.6,), "gamma": (0.1,), "normalize": True},
        "breadcrumbs",
        {"density": 0.6, "gamma": 0.1, "weight": 1.0, "normalize": True},
        APART,
        (2, 3),
    ),
    (
        "breadcrumbs-ties",
        {"density": (0.9,), "gamma": (0.4,), "rescale": True},
        "breadcrumbs_ties",
        {"density": 0.9, "gamma": 0.4, "weight": 1.0, "rescale": True},
        APART,
        (2, 3),
    ),
    ("sce", {}, "sce", {}, APART, (2, 3)),
    ("sce", {"density": 0.4}, "sce", {"select_topk": 0.4}, APART, (2, 3)),
    ("ram", {}, "ram", {}, APART, (2, 3)),
    ("ram", {"epsilon": 0.01}, "ram", {"epsilon": 0.01}, APART, (2, 3)),
    ("ram", {"epsilon": 0.01, "boost": 0.1}, "ramplus_tl", {"epsilon": 0.01}, APART, (2, 3)),
    (
        "ram",
        {"epsilon": 0.02, "boost": 0.5, "limit": 3.0},
        "ramplus_tl",
        {"epsilon": 0.02, "r": 0.5, "alpha": 3.0},
        APART,
        (2, 3),
    ),
    ("model-stock", {}, "model_stock", {}, APART, (2, 3)),
    ("model-stock", {"filter_wise": True}, "model_stock", {"filter_wise": True}, APART, (2, 3)),
    ("nearswap", {}, "nearswap", {"t": 1e-4}, OURS, (2,)),
    ("nearswap", {"t": 0.02}, "nearswap", {"t": 0.02}, OURS, (2,)),
    ("arcee-fusion", {}, "arcee_fusion", {}, OURS, (2,)),
    ("passthrough", {}, "passthrough", {}, NONE, (2,)),
    ("passthrough", {"scale": 0.75}, "passthrough", {"scale": 0.75}, NONE, (2,)),
]
CASES = [
    pytest.param(method, count, id=f"{method[0]}-{place}-{count}")
    for place, method in enumerate(METHODS)
    for count in method[5]
]

#: Roundings of mergekit's float32, as a share of the largest element, where they're more than a few: cosines
#: and lengths are computed from small changes of large numbers.
ROUNDINGS = {"model-stock": 2.0**-14, "multislerp": 2.0**-18}

#: The share of elements that may differ, by method, or method and bits of the dtype. The Kullback-Leibler
#: divergences of Arcee Fusion are smaller than float32's roundings of what they're computed from.
ELSEWHERE: dict[Any, float] = {
    "arcee-fusion": 0.06,
    ("ties", 7): 0.06,
    ("dare-ties", 7): 0.01,
    ("breadcrumbs", 7): 0.03,
    ("breadcrumbs-ties", 7): 0.06,
    ("sce", 7): 0.06,
}

SHAPES = [(), (1,), (257,), (48, 64), (1, 40), (6, 5, 3, 3)]

#: Constants of mergekit are absolute: a sum of mean squares under 1e-6 counts as 0 in SCE, a product of
#: lengths under 1e-6 as 1e-6 in Model Stock, a length under `tol` as 0 in Karcher. The methods don't depend
#: on the unit, so these are given large numbers.
LARGE = {"sce": 2.0**20, "model-stock": 2.0**20, "karcher": 2.0**20}

#: A bound for the difference, as a share of the largest element; RAM+ has a factor computed in float32.
BOUND = {"ramplus_tl": 4e-7}


def random_models(shape: tuple[int, ...], count: int) -> list[Array]:
    """Models as far from the base as the base is from zero; the base comes first."""
    random = np.random.default_rng([*shape, count])
    return [random.normal(size=shape) * 0.05 for _ in range(count + 1)]


def trained_models(shape: tuple[int, ...], count: int) -> list[Array]:
    """As of training: heavy tails, outlier columns, fine-tunes a hundredth away, some of them sparse."""
    random = np.random.default_rng(7)
    base = random.standard_t(4, size=shape) * 0.02
    if shape:
        base[..., :1] *= 10
    models = [base]
    for index in range(count):
        step = random.standard_t(5, size=shape) * 4e-4
        models.append(base + (step * (random.random(shape) < 0.6) if index else step))
    return models


def largest(models: list[Array]) -> float:
    return float(max(np.abs(model).max() for model in models))


def ours(method: Any, models: list[Array]) -> Array:
    strategy = registry().get(method[0])
    options = replace(strategy.options(), **method[1])
    case = Case("p", tuple(from_array(model) for model in models[1:]), from_array(models[0]))
    return strategy.merge(case, options).array()


def theirs(method: Any, models: list[Array], dtype: Any = None) -> Array:
    _, _, name, parameters, place, _ = method
    used = models if place == APART else models[1:2] if name == "passthrough" else models[1:]
    index = {APART: 0, OURS: 0, NONE: None}[place]
    tensors = [torch.tensor(model, dtype=dtype or torch.float64) for model in used]
    merged = mergekit.merge_tensors(tensors, name, parameters=parameters, base_index=index)
    return merged.to(torch.float64).numpy()


@pytest.mark.parametrize("make", [random_models, trained_models])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("method", "count"), CASES)
def test_the_same_in_float64(method: Any, count: int, shape: tuple[int, ...], make: Any) -> None:
    models = [model * LARGE.get(method[0], 1.0) for model in make(shape, count)]
    got, want = ours(method, models), theirs(method, models)
    assert np.abs(got - want).max() <= BOUND.get(method[2], 1e-11) * largest(models)


def rounded(values: Array, dtype: Any) -> Array:
    return torch.tensor(values).to(dtype).to(torch.float64).numpy()


@pytest.mark.parametrize("make", [random_models, trained_models])
@pytest.mark.parametrize(("dtype", "bits"), [(torch.float32, 23), (torch.bfloat16, 7)], ids=["fp32", "bf16"])
@pytest.mark.parametrize(("method", "count"), CASES)
def test_near_in_float32(method: Any, count: int, dtype: Any, bits: int, make: Any) -> None:
    models = [rounded(model * LARGE.get(method[0], 1.0), dtype) for model in make((48, 64), count)]
    got, want = ours(method, models), theirs(method, models, torch.float32)
    got, want = rounded(got, dtype), rounded(want, dtype)
    unit = 2.0 ** (np.frexp(np.maximum(np.abs(got), np.abs(want)))[1] - 1 - bits)
    allowed = unit + ROUNDINGS.get(method[0], 2.0**-20) * largest(models)
    share = ELSEWHERE.get((method[0], bits), ELSEWHERE.get(method[0], 0.0))
    assert (np.abs(got - want) > allowed).mean() <= share
