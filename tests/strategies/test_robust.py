"""Every strategy on NaN and extreme values, empty and scalar shapes, invalid options, and equal models."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.errors import UsageError
from git_theta.strategies import registry
from tests.helpers.merging import Array, close, expression, is_recipe, merge

PAIRWISE = ["slerp", "nuslerp", "nearswap", "arcee-fusion"]
SPARSE = ["ties", "dare-linear", "dare-ties", "della", "della-linear", "breadcrumbs", "breadcrumbs-ties"]
MANY = ["multislerp", "karcher", "sce", "ram", "model-stock", "passthrough", "fisher", *SPARSE]
OPTIONS = {
    "nuslerp": [{"vectors": "last"}, {"vectors": "first"}, {"changes": True}],
    "multislerp": [{"changes": True}],
    "model-stock": [{"filter_wise": True}],
    "sce": [{"density": 0.5}, {"density": 0.0}],
    "ram": [{"boost": 0.1}],
    "passthrough": [{"scale": -2.0}],
    **{name: [{"density": (density,)} for density in (0.0, 0.5, 1.0)] for name in SPARSE},
}
ALL = [
    pytest.param(name, options, id=f"{name}-{place}")
    for name in [*PAIRWISE, *MANY]
    for place, options in enumerate([{}, *OPTIONS.get(name, [])])
]


def run(name: str, options: dict[str, object], models: list[Array], base: Array) -> Array:
    models = models[:2] if name in PAIRWISE else models
    side_inputs = [abs(model) for model in models] if registry().get(name).reads_files else ()
    return merge(name, models, base, side_inputs=side_inputs, **options)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (0, 3), (3, 0), (4, 5), (2, 3, 2, 2)], ids=str)
@pytest.mark.parametrize(("name", "options"), ALL)
def test_any_shape(name: str, options: dict[str, object], shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    base, *models = random.normal(size=(4, *shape))
    result = run(name, options, models, base)
    assert result.shape == shape
    assert np.isfinite(result).all()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e300, 1e-300], ids=str)
@pytest.mark.parametrize(("name", "options"), ALL)
def test_nan_and_extreme_values_are_no_error(name: str, options: dict[str, object], odd: float) -> None:
    random = np.random.default_rng(2)
    base, *models = random.normal(size=(4, 4, 5))
    models[0][1, 2] = models[1][3, 3] = base[0, 0] = odd
    assert run(name, options, models, base).shape == (4, 5)


@pytest.mark.parametrize(("name", "options"), ALL)
def test_zeros_give_zeros(name: str, options: dict[str, object]) -> None:
    zero = np.zeros((3, 4))
    assert not run(name, options, [zero, zero, zero], zero).any()


@pytest.mark.parametrize(("name", "options"), ALL)
def test_a_model_may_be_the_base(name: str, options: dict[str, object]) -> None:
    base, other = np.random.default_rng(3).normal(size=(2, 3, 4))
    assert np.isfinite(run(name, options, [base, other, base], base)).all()
    if name != "passthrough":
        assert close(run(name, options, [base, base, base], base), base)


@pytest.mark.parametrize(
    "name",
    [
        "slerp",
        "nuslerp",
        "multislerp",
        "karcher",
        "ties",
        "sce",
        "model-stock",
        "nearswap",
        "arcee-fusion",
        "passthrough",
        "ram",
        "fisher",
    ],
)
def test_equal_models_merge_to_themselves(name: str) -> None:
    base, model = np.random.default_rng(4).normal(size=(2, 3, 4))
    assert close(run(name, {}, [model, model, model], base), model, 1.0)


@pytest.mark.parametrize(
    "name",
    [
        "multislerp",
        "karcher",
        "ties",
        "sce",
        "ram",
        "model-stock",
        "fisher",
        "slerp",
        "nuslerp",
        "breadcrumbs-ties",
    ],
)
def test_swapping_the_sides_changes_nothing(name: str) -> None:
    base, *models = np.random.default_rng(5).normal(size=(3, 6, 7))
    assert close(run(name, {}, models, base), run(name, {}, models[::-1], base), 1.0)


@pytest.mark.parametrize(
    "name",
    [
        "slerp",
        "multislerp",
        "karcher",
        "ties",
        "sce",
        "ram",
        "model-stock",
        "nearswap",
        "fisher",
        "breadcrumbs",
        "passthrough",
    ],
)
def test_the_order_of_elements_does_not_matter(name: str) -> None:
    random = np.random.default_rng(6)
    base, *models = random.normal(size=(4, 40))
    order = random.permutation(40)
    options = {"density": (0.5,)} if name in SPARSE else {}
    straight = run(name, options, models, base)
    assert close(run(name, options, [model[order] for model in models], base[order]), straight[order])


@pytest.mark.parametrize(("name", "options"), ALL)
def test_strategies_with_a_recipe(name: str, options: dict[str, object]) -> None:
    base, *models = np.random.default_rng(7).normal(size=(4, 6, 7))
    models = models[:2] if name in PAIRWISE else models
    side_inputs = [abs(model) for model in models] if name == "fisher" else []
    result = expression(name, models, base, side_inputs=side_inputs, **options)
    stored = (
        name in ("arcee-fusion", "fisher")
        or options.get("vectors", "whole") != "whole"
        or "filter_wise" in options
        or (name.startswith("della") and options.get("density") == (0.5,))
    )
    assert is_recipe(result, base, *models) == (not stored)


@pytest.mark.parametrize("name", ["ties", "dare-linear", "della", "breadcrumbs", "sce", "ram", "model-stock"])
def test_a_base_is_needed(name: str) -> None:
    assert registry().get(name).needs_base
    with pytest.raises(UsageError, match="no base"):
        merge(name, [np.ones(3), np.zeros(3)])


@pytest.mark.parametrize("name", ["nuslerp", "multislerp", "karcher", "fisher", *SPARSE])
def test_weights_are_one_for_each_model(name: str) -> None:
    with pytest.raises(UsageError, match="3 weights are given for 2 models"):
        merge(name, [np.ones(3), np.zeros(3)], np.zeros(3), weights=(1.0, 2.0, 3.0))


@pytest.mark.parametrize("name", [*PAIRWISE, *MANY])
def test_the_most_models_of_a_strategy(name: str) -> None:
    assert registry().get(name).max_models == (2 if name in PAIRWISE else None)
