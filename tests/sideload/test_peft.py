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


BAD: dict[str, tuple[dict[str, NDArray[Any]], dict[str, Any], str]] = {
    "dora": (PAIR, {"use_dora": True}, "uses use_dora"),
    "parameters": (PAIR, {"target_parameters": ["x"]}, "uses target_parameters"),
    "pissa": (PAIR, {"init_lora_weights": "pissa_niter_4"}, "initialised by 'pissa_niter_4'"),
    "type": (PAIR, {"peft_type": "VERA"}, "type 'VERA', not LORA or IA3"),
    "kind": (PAIR, {"peft_type": "IA3"}, "use --update-type ia3"),
    "rank": (PAIR, {"r": 5}, "have rank 4, not 5"),
    "alpha": (PAIR, {"lora_alpha": "many"}, "lora_alpha 'many'"),
    "pattern": (PAIR, {"rank_pattern": {"(": 4}}, "isn't a regular expression"),
    "half": ({next(iter(PAIR)): DOWN}, {}, "lacks lora_B"),
    "magnitude": (PAIR | {"base_model.model.up.lora_magnitude_vector": normal(24)}, {}, "can't merge"),
    "tokens": (
        {"base_model.model.embed.token_adapter.trainable_tokens_delta": normal(1, 16)},
        {},
        "can't merge",
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
