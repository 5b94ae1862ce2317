"""Plans of combinations: parameters that match and that don't."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from git_theta.errors import UsageError
from tests.helpers.combining import Weights, combined, loaded, model_file, weights


def test_rules_are_for_their_parameters_and_the_last_one_counts(tmp_path: Path) -> None:
    ours, theirs = weights(1), weights(2)
    paths = [model_file(tmp_path, name, value) for name, value in (("a", ours), ("b", theirs))]
    rules = ("linear weights=0.25,0.75", "theirs parameters=*.mlp.*", "ours parameters=layers.1.mlp.weight")
    found = loaded(combined(tmp_path, *paths, rules=rules))
    np.testing.assert_array_equal(found["layers.0.mlp.weight"], theirs["layers.0.mlp.weight"])
    np.testing.assert_array_equal(found["layers.1.mlp.weight"], ours["layers.1.mlp.weight"])
    exact = ours["embed.weight"].astype("f8") * 0.25 + theirs["embed.weight"].astype("f8") * 0.75
    np.testing.assert_array_equal(found["embed.weight"], exact.astype("f4"))


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    paths = [model_file(tmp_path, name, weights(1)) for name in "ab"]
    with pytest.raises(UsageError, match="there's no parameter") as caught:
        combined(tmp_path, *paths, rules=("average", "ours parameters=layer.0.*"))
    assert "layers.0.attn.weight" in caught.value.hint


def test_a_strategy_that_needs_a_base_says_so(tmp_path: Path) -> None:
    paths = [model_file(tmp_path, name, weights(1)) for name in "ab"]
    for strategy in ("ties", "base", "task-arithmetic"):
        with pytest.raises(UsageError, match=f"{strategy} needs the model"):
            combined(tmp_path, *paths, rules=(strategy,))


@pytest.mark.parametrize("kind", ["missing", "shape", "integers"])
def test_what_does_not_match_is_an_error_or_kept(tmp_path: Path, kind: str) -> None:
    ours, theirs = weights(1), weights(2)
    if kind == "missing":
        theirs["new"] = theirs.pop("embed.weight")
    elif kind == "shape":
        theirs["embed.weight"] = theirs["embed.weight"][:3]
    else:
        ours["embed.weight"], theirs["embed.weight"] = np.arange(3), np.arange(3) + 1
    paths = [model_file(tmp_path, name, value) for name, value in (("a", ours), ("b", theirs))]
    with pytest.raises(UsageError, match="can't be combined") as caught:
        combined(tmp_path, *paths)
    assert any("embed.weight" in line for line in caught.value.details)
    assert not (tmp_path / "combined").exists()
    found = loaded(combined(tmp_path, *paths, keep_unmatched=True))
    np.testing.assert_array_equal(found["embed.weight"], ours["embed.weight"])
    assert found.keys() == ours.keys() | theirs.keys()


def test_a_base_says_what_was_added_and_removed(tmp_path: Path) -> None:
    base, ours, theirs = weights(0), weights(1), weights(2)
    del theirs["embed.weight"], base["layers.0.mlp.weight"], ours["layers.0.mlp.weight"]
    ours["embed.weight"] = base["embed.weight"]
    paths = [model_file(tmp_path, name, value) for name, value in (("o", base), ("a", ours), ("b", theirs))]
    found = loaded(combined(tmp_path, *paths[1:], base=paths[0]))
    assert found.keys() == theirs.keys()
    np.testing.assert_array_equal(found["layers.0.mlp.weight"], theirs["layers.0.mlp.weight"])


def lora(seed: int) -> Weights:
    random = np.random.default_rng(seed)
    shapes = {"l.q.lora_A.weight": (4, 20), "l.q.lora_B.weight": (30, 4)}
    return {name: random.normal(size=shape).astype("f4") for name, shape in shapes.items()}


@pytest.mark.parametrize("strategy", ["average", "lora-cat"])
def test_products_of_lora_factors_are_combined(tmp_path: Path, strategy: str) -> None:
    """With the scales in the settings beside each; the result has the scale of the first one."""
    paths = []
    for seed, alpha in ((1, 8), (2, 16)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        paths.append(model_file(folder, "adapter_model.safetensors", lora(seed)))
        settings = {"peft_type": "LORA", "r": 4, "lora_alpha": alpha}
        (folder / "adapter_config.json").write_text(json.dumps(settings))
    products = [lora(seed)["l.q.lora_B.weight"] @ lora(seed)["l.q.lora_A.weight"] for seed in (1, 2)]
    exact = (2 * products[0].astype("f8") + 4 * products[1].astype("f8")) / 2
    if strategy == "average":
        u, sizes, v = np.linalg.svd(exact)
        exact = (u[:, :4] * sizes[:4]) @ v[:4]
    found = loaded(combined(tmp_path, *paths, rules=(strategy,)))
    product = 2 * found["l.q.lora_B.weight"].astype("f8") @ found["l.q.lora_A.weight"]
    np.testing.assert_allclose(product, exact, atol=1e-4)


def test_a_quantised_weight_is_not_averaged(tmp_path: Path) -> None:
    made = []
    for number in (1, 2):
        codes = np.full((4, 4), number, "i1")
        made.append({"l.qweight": codes.astype("i4"), "l.scales": np.full((4, 1), number, "f2")})
    paths = [model_file(tmp_path, name, value) for name, value in zip("ab", made, strict=True)]
    with pytest.raises(UsageError, match="can't be combined"):
        combined(tmp_path, *paths)
    found = loaded(combined(tmp_path, *paths, keep_unmatched=True))
    np.testing.assert_array_equal(found["l.scales"], made[0]["l.scales"])
