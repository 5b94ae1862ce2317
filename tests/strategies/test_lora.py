"""LoRA adapters: their products are merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.strategies import registry
from git_theta.strategies.groups import GroupCase, GroupStrategy, GroupValues, GroupVersion

Model = dict[str, NDArray[Any]]

A, B, E = (f"base_model.model.l.q.lora_{part}.weight" for part in "ABE")


def adapter(seed: int, rank: int = 4, **more: NDArray[Any]) -> Model:
    random = np.random.default_rng(seed)
    return {A: random.normal(size=(rank, 9)), B: random.normal(size=(7, rank)), **more}


def product(model: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    down, up = model[A], model[B]
    return up.reshape(-1, len(down)) @ down.reshape(len(down), -1)


def version(model: Model, settings: Mapping[str, Any] | None) -> GroupVersion:
    specs = {name: TensorSpec("F32", value.shape) for name, value in model.items()}
    return GroupVersion(specs, settings or {})


def merge(
    name: str,
    models: list[Model],
    base: Model | None = None,
    settings: list[Mapping[str, Any]] | None = None,
    after: Mapping[str, Any] | None = None,
    **options: Any,
) -> GroupValues:
    strategy = registry().get(name)
    assert isinstance(strategy, GroupStrategy)
    given = settings or [{}] * (len(models) + 1)
    versions = tuple(version(model, each) for model, each in zip(models, given, strict=False))
    last = version(base, given[len(models)] if len(given) > len(models) else {}) if base else None
    result = after if after is not None else given[0]
    case = GroupCase("l.q", versions, last, result)
    chosen = strategy.options(**options)
    specs = strategy.result(case, chosen)
    merged = strategy.merge_group(case, [*models, *([base] if base else [])], chosen)
    assert {each: value.shape for each, value in merged.values.items()} == {
        each: spec.shape for each, spec in specs.items()
    }
    return merged


def nearest(matrix: NDArray[Any], rank: int) -> NDArray[Any]:
    u, sizes, v = np.linalg.svd(matrix)
    return (u[:, :rank] * sizes[:rank]) @ v[:rank]


def test_the_mean_of_products_is_refactored() -> None:
    models = [adapter(1), adapter(2)]
    exact = (product(models[0]) + product(models[1])) / 2
    merged = merge("lora-svd", models)
    np.testing.assert_allclose(product(merged.values), nearest(exact, 4))
    assert merged.kept == pytest.approx(np.linalg.norm(nearest(exact, 4)) / np.linalg.norm(exact))


def test_factors_of_one_product_in_two_ways() -> None:
    """The factors of one product, which average to something else."""
    one = adapter(1)
    other = {A: -one[A], B: -one[B]}
    merged = merge("lora-svd", [one, other])
    np.testing.assert_allclose(product(merged.values), product(one))
    assert merged.kept == pytest.approx(1)


def test_weights() -> None:
    models = [adapter(1), adapter(2)]
    merged = merge("lora-cat", models, weights=(3.0, 1.0))
    np.testing.assert_allclose(product(merged.values), (3 * product(models[0]) + product(models[1])) / 4)


def test_a_concatenation_keeps_all() -> None:
    models = [adapter(1), adapter(2, rank=3)]
    merged = merge("lora-cat", models)
    assert merged.values[A].shape == (7, 9)
    assert merged.kept == 1
    np.testing.assert_allclose(product(merged.values), (product(models[0]) + product(models[1])) / 2)


def test_a_change_is_added_to_ours() -> None:
    ours, theirs, base = (adapter(seed, rank=2) for seed in range(3))
    settings = {"changes": True, "normalize": False}
    exact = product(ours) + product(theirs) - product(base)
    merged = merge("lora-svd", [ours, theirs], base, **settings)
    np.testing.assert_allclose(product(merged.values), nearest(exact, 2), atol=1e-12)
    merged = merge("lora-svd", [ours, theirs], base, rank=6, **settings)
    np.testing.assert_allclose(product(merged.values), exact)


def test_scales_are_those_of_each_version() -> None:
    models = [adapter(1), adapter(2, rank=2)]
    settings = [{"r": 4, "lora_alpha": 8}, {"r": 2, "lora_alpha": 1, "use_rslora": True}]
    after = {"r": 6, "lora_alpha": 3, "rank_pattern": {"other": 5}}
    exact = (2 * product(models[0]) + product(models[1]) / np.sqrt(2)) / 2
    for name in ("lora-svd", "lora-cat"):
        merged = merge(name, models, settings=settings, after=after)
        np.testing.assert_allclose(product(merged.values) / 2, exact)


def test_magnitudes_and_biases() -> None:
    bias, magnitude = "base_model.model.l.q.lora_B.bias", "base_model.model.l.q.lora_magnitude_vector"
    more = [{bias: np.full(7, number), magnitude: np.full(7, number)} for number in (1.0, 3.0)]
    settings = [{"r": 4, "lora_alpha": 4}, {"r": 4, "lora_alpha": 8}]
    merged = merge("lora-svd", [adapter(1, **more[0]), adapter(2, **more[1])], settings=settings)
    np.testing.assert_allclose(merged.values[bias], (1 + 2 * 3) / 2)
    np.testing.assert_allclose(merged.values[magnitude], 2)


def test_scales_among_the_tensors() -> None:
    down, up, alpha = "u.lora_down.weight", "u.lora_up.weight", "u.alpha"
    models = [
        {down: each[A], up: each[B], alpha: np.array(number)}
        for each, number in ((adapter(1), 4.0), (adapter(2), 2.0))
    ]
    merged = merge("lora-svd", models).values
    assert merged[alpha] == 4
    exact = (models[0][up] @ models[0][down] + models[1][up] @ models[1][down] / 2) / 2
    np.testing.assert_allclose(merged[up] @ merged[down], nearest(exact, 4))


def test_convolutions() -> None:
    random = np.random.default_rng(0)
    models = [{A: random.normal(size=(2, 3, 3, 3)), B: random.normal(size=(5, 2, 1, 1))} for _ in range(2)]
    merged = merge("lora-svd", models).values
    exact = (product(models[0]) + product(models[1])) / 2
    np.testing.assert_allclose(product(merged), nearest(exact, 2))


SETTINGS = [{"r": 4, "lora_alpha": 8}, {"r": 4, "lora_alpha": 4}]


@pytest.mark.parametrize(
    ("name", "models", "more", "words"),
    [
        ("lora-svd", [{A: np.ones((4, 9))}] * 2, {}, "aren't one pair"),
        ("lora-svd", [{A: np.ones((4, 9)), B: np.ones((7, 3))}] * 2, {}, "have no product"),
        (
            "lora-cat",
            [adapter(1), {A: np.ones((4, 8)), B: np.ones((7, 4))}],
            {},
            "shapes \\[4, 9\\] and",
        ),
        (
            "lora-svd",
            [adapter(1), {A: np.ones((4, 9)), B: np.ones((8, 4))}],
            {},
            "shapes \\[7, 4\\] and",
        ),
        ("lora-svd", [adapter(1, **{E: np.ones((4, 1))})] * 2, {}, "factors of AdaLoRA"),
        ("lora-svd", [{A: np.ones((4, 9)), B: np.ones((7, 4, 3))}] * 2, {}, "have no product"),
        ("lora-svd", [{A: np.ones(4), B: np.ones((7, 4))}] * 2, {}, "those of matrices"),
        ("lora-cat", [adapter(1), adapter(2)], {"settings": SETTINGS}, "would get rank 8"),
        ("lora-svd", [adapter(1), adapter(2)], {"settings": SETTINGS, "rank": 3}, "would get rank 3"),
        ("lora-svd", [adapter(1), adapter(2, rank=3)], {"settings": SETTINGS}, "have rank 3, not 4"),
        ("lora-svd", [adapter(1), adapter(2)], {"after": {"r": 4, "lora_alpha": 0}}, "lora_alpha 0"),
        ("lora-svd", [adapter(1), adapter(2)], {"changes": True}, "need a base"),
        ("lora-svd", [adapter(1), adapter(2)], {"weights": (1.0, -1.0)}, "sum 0"),
        ("lora-svd", [adapter(1), adapter(2)], {"weights": (1.0,)}, "1 weights are given for 2"),
        ("lora-svd", [adapter(1), {**adapter(2), A: np.full((4, 9), np.nan)}], {}, "aren't finite"),
    ],
)
def test_what_cannot_be_merged(name: str, models: list[Model], more: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        merge(name, models, **more)


def test_undecided_settings() -> None:
    strategy = registry().get("lora-svd")
    assert isinstance(strategy, GroupStrategy)
    same = tuple(version(adapter(seed), SETTINGS[0]) for seed in (1, 2))
    differ = tuple(version(adapter(seed), each) for seed, each in zip((1, 2), SETTINGS, strict=True))
    assert strategy.result(GroupCase("l.q", same, None, None), strategy.options())
    with pytest.raises(UsageError, match="is in conflict"):
        strategy.result(GroupCase("l.q", differ, None, None), strategy.options())
