"""Adapters written by hand, against numpy: no framework is needed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.errors import UsageError
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.sideloading import given_by, sideloaded, stored

RANDOM = np.random.default_rng(5)


def normal(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype("f4")


BASE = {
    "bert.up.weight": normal(24, 16),
    "bert.up.bias": normal(24),
    "bert.square.weight": normal(16, 16),
    "bert.embed.weight": normal(19, 16),
    "bert.conv.weight": normal(12, 8, 3, 3),
    "bert.conv.bias": normal(12),
    "bert.head.weight": normal(3, 16),
}
DOWN, UP = normal(4, 16), normal(24, 4)
PAIR = {"base_model.model.up.lora_A.weight": DOWN, "base_model.model.up.lora_B.weight": UP}
SQUARE = {
    "base_model.model.square.lora_A.weight": normal(4, 16),
    "base_model.model.square.lora_B.weight": normal(16, 4),
}


def adapter(folder: Path, arrays: dict[str, NDArray[Any]], **settings: Any) -> Path:
    folder = folder / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(safetensors_bytes(arrays))
    return folder


def near(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    return bool(np.abs(found - expected).max() <= np.spacing(np.abs(expected).max().astype("f4")))


def product(arrays: dict[str, NDArray[Any]], module: str) -> Any:
    down, up = (arrays[f"base_model.model.{module}.lora_{part}.weight"].astype("f8") for part in "AB")
    return up @ down


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({}, 2),
        ({"lora_alpha": 3}, 0.75),
        ({"use_rslora": True}, 8 / math.sqrt(4)),
        ({"alpha_pattern": {"up": 12}}, 3),
        ({"alpha_pattern": {"p": 12}}, 2),
        ({"alpha_pattern": {"^u.": 12}, "use_rslora": True}, 6),
        ({"r": 9, "rank_pattern": {"up": 4}}, 2),
    ],
)
def test_the_scale(settings: dict[str, Any], scale: float, tmp_path: Path) -> None:
    found = sideloaded(BASE, adapter(tmp_path, PAIR, **settings), "low-rank", tmp_path)
    assert found.keys() == {"bert.up.weight"}
    assert near(found["bert.up.weight"], BASE["bert.up.weight"] + scale * product(PAIR, "up"))


def test_names_with_the_adapters_own(tmp_path: Path) -> None:
    arrays = {name.replace(".weight", ".default.weight"): value for name, value in PAIR.items()}
    found = sideloaded(BASE, adapter(tmp_path, arrays), "low-rank", tmp_path)
    assert near(found["bert.up.weight"], BASE["bert.up.weight"] + 2 * product(PAIR, "up"))


@pytest.mark.parametrize("flipped", [False, True])
def test_a_square_weight_turns_by_the_setting(flipped: bool, tmp_path: Path) -> None:
    folder = adapter(tmp_path, SQUARE, fan_in_fan_out=flipped)
    found = sideloaded(BASE, folder, "low-rank", tmp_path)["bert.square.weight"]
    moved = 2 * product(SQUARE, "square")
    assert near(found, BASE["bert.square.weight"] + (moved.T if flipped else moved))


@pytest.mark.parametrize("flipped", [False, True])
def test_another_weight_turns_by_its_shape(flipped: bool, tmp_path: Path) -> None:
    folder = adapter(tmp_path, PAIR, fan_in_fan_out=flipped)
    base = {"up.weight": np.ascontiguousarray(BASE["bert.up.weight"].T)}
    found = sideloaded(base, folder, "low-rank", tmp_path)
    assert near(found["up.weight"], base["up.weight"] + 2 * product(PAIR, "up").T)


def test_embeddings(tmp_path: Path) -> None:
    down, up = normal(4, 19), normal(16, 4)
    arrays = {
        "base_model.model.embed.lora_embedding_A": down,
        "base_model.model.embed.lora_embedding_B": up,
        "base_model.model.embed.base_layer.weight": BASE["bert.embed.weight"],
    }
    found = sideloaded(BASE, adapter(tmp_path, arrays), "low-rank", tmp_path)
    assert found.keys() == {"bert.embed.weight"}
    moved = 2 * (up.astype("f8") @ down).T
    assert near(found["bert.embed.weight"], BASE["bert.embed.weight"] + moved)


def test_embeddings_that_were_replaced(tmp_path: Path) -> None:
    down, up, new = normal(4, 19), normal(16, 4), normal(19, 16)
    arrays = {
        "base_model.model.embed.lora_embedding_A": down,
        "base_model.model.embed.lora_embedding_B": up,
        "base_model.model.embed.base_layer.weight": new,
    }
    found = sideloaded(BASE, adapter(tmp_path, arrays), "low-rank", tmp_path)
    assert near(found["bert.embed.weight"], new + 2 * (up.astype("f8") @ down).T)


def test_kernels(tmp_path: Path) -> None:
    down, up = normal(4, 8, 3, 3), normal(12, 4, 1, 1)
    arrays = {"base_model.model.conv.lora_A.weight": down, "base_model.model.conv.lora_B.weight": up}
    found = sideloaded(BASE, adapter(tmp_path, arrays), "low-rank", tmp_path)
    moved = 2 * np.einsum("or,rihw->oihw", up[:, :, 0, 0].astype("f8"), down.astype("f8"))
    assert near(found["bert.conv.weight"], BASE["bert.conv.weight"] + moved)


@pytest.mark.parametrize(
    "key", ["head.weight", "head.modules_to_save.weight", "head.modules_to_save.default.weight"]
)
def test_modules_that_were_saved(key: str, tmp_path: Path) -> None:
    new = normal(3, 16)
    arrays = {**PAIR, f"base_model.model.{key}": new}
    found = sideloaded(BASE, adapter(tmp_path, arrays, modules_to_save=["head"]), "low-rank", tmp_path)
    assert found.keys() == {"bert.up.weight", "bert.head.weight"}
    assert np.array_equal(found["bert.head.weight"], new)


def test_biases(tmp_path: Path) -> None:
    new, added = normal(12), normal(24)
    arrays = {
        **PAIR,
        "base_model.model.conv.base_layer.bias": new,
        "base_model.model.up.lora_B.bias": added,
    }
    found = sideloaded(BASE, adapter(tmp_path, arrays), "low-rank", tmp_path)
    assert np.array_equal(found["bert.conv.bias"], new)
    assert near(found["bert.up.bias"], BASE["bert.up.bias"].astype("f8") + 2 * added)


def test_ia3(tmp_path: Path) -> None:
    outputs, inputs, kernel = normal(24, 1), normal(1, 16), normal(1, 12, 1, 1)
    arrays = {
        "base_model.model.up.ia3_l": outputs,
        "base_model.model.square.ia3_l": inputs,
        "base_model.model.conv.ia3_l": kernel,
    }
    folder = adapter(tmp_path, arrays, peft_type="IA3", feedforward_modules=["square"])
    found = sideloaded(BASE, folder, "ia3", tmp_path)
    expected = {
        "bert.up.weight": BASE["bert.up.weight"] * outputs,
        "bert.up.bias": BASE["bert.up.bias"] * outputs[:, 0],
        "bert.square.weight": BASE["bert.square.weight"] * inputs,
        "bert.conv.weight": BASE["bert.conv.weight"] * kernel.transpose(1, 0, 2, 3),
        "bert.conv.bias": BASE["bert.conv.bias"] * kernel.reshape(-1),
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert np.array_equal(found[name], value), name


@pytest.mark.parametrize("feedforward", [False, True])
def test_ia3_turned(feedforward: bool, tmp_path: Path) -> None:
    vector = normal(1, 16) if feedforward else normal(16, 1)
    folder = adapter(
        tmp_path,
        {"base_model.model.square.ia3_l": vector},
        peft_type="IA3",
        feedforward_modules="squ.*" if feedforward else None,
        fan_in_fan_out=True,
    )
    found = sideloaded(BASE, folder, "ia3", tmp_path)
    assert np.array_equal(found["bert.square.weight"], BASE["bert.square.weight"] * vector.T)


def test_attention(tmp_path: Path) -> None:
    base = {"attn.in_proj_weight": normal(48, 16), "attn.out_proj.weight": normal(16, 16)}
    arrays = {
        "base_model.model.attn.lora_A.weight": normal(4, 16),
        "base_model.model.attn.lora_B.weight": normal(48, 4),
        "base_model.model.attn.base_layer.out_proj.lora_A.weight": normal(4, 16),
        "base_model.model.attn.base_layer.out_proj.lora_B.weight": normal(16, 4),
    }
    found = sideloaded(base, adapter(tmp_path, arrays), "low-rank", tmp_path)
    assert near(found["attn.in_proj_weight"], base["attn.in_proj_weight"] + 2 * product(arrays, "attn"))
    moved = 2 * product(arrays, "attn.base_layer.out_proj")
    assert near(found["attn.out_proj.weight"], base["attn.out_proj.weight"] + moved)


def test_a_square_weight_among_weights_that_the_setting_is_wrong_for(tmp_path: Path) -> None:
    manifest, _ = stored(BASE, tmp_path)
    folder = adapter(tmp_path, PAIR | SQUARE, fan_in_fan_out=True)
    with pytest.raises(UsageError, match="orientation of 'square'"):
        given_by(folder, "low-rank", manifest)


MAGNITUDES = {"base_model.model.up.lora_magnitude_vector": np.abs(normal(24))}


def test_magnitudes(tmp_path: Path) -> None:
    folder = adapter(tmp_path, PAIR | MAGNITUDES, use_dora=True)
    found = sideloaded(BASE, folder, "low-rank", tmp_path)["bert.up.weight"]
    whole = BASE["bert.up.weight"] + 2 * product(PAIR, "up")
    lengths = np.linalg.norm(whole, axis=1, keepdims=True)
    expected = whole / lengths * next(iter(MAGNITUDES.values()))[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_magnitudes_of_zeros(tmp_path: Path) -> None:
    base = {"up.weight": BASE["bert.up.weight"].copy()}
    base["up.weight"][5] = 0
    zeros = {**PAIR, "base_model.model.up.lora_B.weight": np.zeros_like(UP)}
    folder = adapter(tmp_path, zeros | MAGNITUDES, use_dora=True)
    with pytest.raises(UsageError, match="no direction"):
        sideloaded(base, folder, "low-rank", tmp_path)


def experts(*names: str, inputs: int = 16, outputs: int = 24) -> dict[str, NDArray[Any]]:
    """Factors of rank 2 of three experts."""
    found = {}
    for name in names:
        found[f"base_model.model.{name}.lora_A.weight"] = normal(6, inputs)
        found[f"base_model.model.{name}.lora_B.weight"] = normal(outputs, 6)
    return found


@pytest.mark.parametrize("flipped", [False, True])
def test_parameters_of_experts(flipped: bool, tmp_path: Path) -> None:
    arrays = experts("mlp.experts")
    base = {"model.mlp.experts.gate_up_proj": normal(3, *((16, 24) if flipped else (24, 16)))}
    target = ["mlp.experts.gate_up_proj"]
    folder = adapter(tmp_path, arrays, r=2, target_parameters=target, target_modules=[])
    found = sideloaded(base, folder, "low-rank", tmp_path)
    down, up = (value.astype("f8") for value in arrays.values())
    moved = np.einsum("ore,eri->eoi", up.reshape(24, 2, 3), down.reshape(3, 2, 16)) * 4
    expected = base["model.mlp.experts.gate_up_proj"] + (moved.transpose(0, 2, 1) if flipped else moved)
    assert near(found["model.mlp.experts.gate_up_proj"], expected)


def test_several_parameters_of_a_module_are_told_apart_by_their_shapes(tmp_path: Path) -> None:
    arrays = experts("experts.base_layer", inputs=16, outputs=40) | experts("experts", inputs=20, outputs=16)
    base = {"experts.down_proj": normal(3, 20, 16), "experts.gate_up_proj": normal(3, 16, 40)}
    folder = adapter(tmp_path, arrays, r=2, target_parameters=list(base))
    assert sideloaded(base, folder, "low-rank", tmp_path).keys() == base.keys()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 16, 16)], "fit in several ways"),
        ([(3, 16, 24), (3, 16, 24)], "fit in several ways"),
        ([(3, 16, 25)], "don't fit the shapes"),
        ([(4, 16, 24)], "don't fit the shapes"),
        ([(6, 16, 24)], "have rank 1, not 2"),
        ([(3, 4, 4, 24)], "don't fit the shapes"),
        ([(3, 16, 24), (3, 24, 40)], "has 1 pairs"),
    ],
)
def test_parameters_that_cannot_be_told(shapes: list[tuple[int, ...]], message: str, tmp_path: Path) -> None:
    base = {f"experts.{number}": normal(*shape) for number, shape in enumerate(shapes)}
    outputs = shapes[0][-1] if shapes[0] == (3, 16, 16) else 24
    arrays = experts("experts", outputs=outputs)
    if shapes == [(3, 16, 24), (3, 16, 24)]:
        arrays |= experts("experts.base_layer")
    manifest, _ = stored(base, tmp_path)
    with pytest.raises(UsageError, match=message):
        given_by(adapter(tmp_path, arrays, r=2, target_parameters=list(base)), "low-rank", manifest)


@pytest.mark.parametrize("indices", [[2, 0, 18], {"embed": [2, 0, 18]}])
def test_tokens(indices: Any, tmp_path: Path) -> None:
    rows = normal(3, 16)
    arrays = {**PAIR, "base_model.model.embed.token_adapter.trainable_tokens_delta": rows}
    folder = adapter(tmp_path, arrays, trainable_token_indices=indices)
    found = sideloaded(BASE, folder, "low-rank", tmp_path)
    expected = BASE["bert.embed.weight"].copy()
    expected[[2, 0, 18]] = rows
    assert found.keys() == {"bert.up.weight", "bert.embed.weight"}
    np.testing.assert_array_equal(found["bert.embed.weight"], expected)


BAD: dict[str, tuple[dict[str, NDArray[Any]], dict[str, Any], str]] = {
    "dora without magnitudes": (PAIR, {"use_dora": True}, "lacks lora_magnitude_vector"),
    "parameters": (PAIR, {"target_parameters": "x"}, "no list of names"),
    "another variant": (PAIR, {"use_novelty": True}, "uses use_novelty"),
    "settings of another variant": (PAIR, {"novelty_config": {"a": 1}}, "uses novelty_config"),
    "pissa": (PAIR, {"init_lora_weights": "pissa_niter_4"}, "initialised by 'pissa_niter_4'"),
    "type": (PAIR, {"peft_type": "VERA"}, "type 'VERA', not LORA or IA3"),
    "kind": (PAIR, {"peft_type": "IA3"}, "use --update-type ia3"),
    "rank": (PAIR, {"r": 5}, "have rank 4, not 5"),
    "alpha": (PAIR, {"lora_alpha": "many"}, "lora_alpha 'many'"),
    "pattern": (PAIR, {"rank_pattern": {"(": 4}}, "isn't a regular expression"),
    "half": ({next(iter(PAIR)): DOWN}, {}, "lacks lora_B"),
    "magnitude": (PAIR | MAGNITUDES, {}, "use_dora says otherwise"),
    "magnitude's shape": (
        PAIR | {name: value[:5] for name, value in MAGNITUDES.items()},
        {"use_dora": True},
        "doesn't fit",
    ),
    "tokens": (
        {"base_model.model.embed.token_adapter.trainable_tokens_delta": normal(1, 16)},
        {},
        "no trainable_token_indices for 'embed'",
    ),
    "tokens given twice": (
        {"base_model.model.embed.token_adapter.trainable_tokens_delta": normal(2, 16)},
        {"trainable_token_indices": {"embed": [3, 3]}},
        "given twice",
    ),
    "tokens beyond the vocabulary": (
        {"base_model.model.embed.token_adapter.trainable_tokens_delta": normal(2, 16)},
        {"trainable_token_indices": [3, 19]},
        "doesn't have",
    ),
    "more tokens than rows": (
        {"base_model.model.embed.token_adapter.trainable_tokens_delta": normal(2, 16)},
        {"trainable_token_indices": [3]},
        "doesn't fit",
    ),
    "two names of one tensor": (
        PAIR | {"base_model.model.up.lora_A.other.weight": DOWN},
        {},
        "several tensors for up.lora_A.weight",
    ),
    "stranger": ({"base_model.model.nothing.weight": normal(3)}, {}, "no parameter 'nothing.weight'"),
    "module": (
        {name.replace("up", "sideways"): a for name, a in PAIR.items()},
        {},
        "no parameter 'sideways.weight'",
    ),
    "shape": ({name.replace("up", "head"): a for name, a in PAIR.items()}, {}, "don't fit the parameter's"),
    "nan": ({name: a * np.float32("nan") for name, a in PAIR.items()}, {}, "NaN or infinite"),
    "empty": ({}, {}, "no tensors"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_adapters(case: str, tmp_path: Path) -> None:
    arrays, settings, message = BAD[case]
    manifest, _ = stored(BASE, tmp_path)
    with pytest.raises(UsageError, match=message):
        given_by(adapter(tmp_path, arrays, **settings), "low-rank", manifest)


def test_folders_that_are_damaged(tmp_path: Path) -> None:
    manifest, _ = stored(BASE, tmp_path)
    folder = adapter(tmp_path, PAIR)
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match="has no adapter_model"):
        given_by(folder, "low-rank", manifest)
    for text in ("{", "[]"):
        (folder / "adapter_config.json").write_text(text)
        with pytest.raises(UsageError, match=r"adapter_config\.json"):
            given_by(folder, "low-rank", manifest)
