"""LoRA files of kohya's scripts and of diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.errors import UsageError
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.sideloading import given_by, sideloaded, stored

RANDOM = np.random.default_rng(8)


def normal(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype("f4")


TO_Q, CONV = "unet.mid_block.attn_1.to_q", "unet.down_blocks.0.conv"
BASE = {f"{TO_Q}.weight": normal(24, 16), f"{CONV}.weight": normal(12, 8, 3, 3)}
DOWN, UP = normal(4, 16), normal(24, 4)
KOHYA: dict[str, NDArray[Any]] = {
    "lora_unet_mid_block_attn_1_to_q.lora_down.weight": DOWN,
    "lora_unet_mid_block_attn_1_to_q.lora_up.weight": UP,
    "lora_unet_mid_block_attn_1_to_q.alpha": np.array(2, "f4"),
    "lora_unet_down_blocks_0_conv.lora_down.weight": normal(3, 8, 3, 3),
    "lora_unet_down_blocks_0_conv.lora_up.weight": normal(12, 3, 1, 1),
}


def file(folder: Path, arrays: dict[str, NDArray[Any]]) -> Path:
    path = folder / "style.safetensors"
    path.write_bytes(safetensors_bytes(arrays))
    return path


def test_names_with_underscores_and_alphas(tmp_path: Path) -> None:
    found = sideloaded(BASE, file(tmp_path, KOHYA), "low-rank", tmp_path)
    np.testing.assert_allclose(found[f"{TO_Q}.weight"], BASE[f"{TO_Q}.weight"] + UP @ DOWN / 2, atol=1e-5)
    down, up = (KOHYA[f"lora_unet_down_blocks_0_conv.lora_{part}.weight"] for part in ("down", "up"))
    moved = np.einsum("orhw,rikl->oikl", up, down)
    np.testing.assert_allclose(found[f"{CONV}.weight"], BASE[f"{CONV}.weight"] + moved, atol=1e-5)


def test_names_with_dots(tmp_path: Path) -> None:
    arrays = {f"{TO_Q}.lora.down.weight": DOWN, f"{TO_Q}.lora.up.weight": UP}
    found = sideloaded(BASE, file(tmp_path, arrays), "low-rank", tmp_path)
    np.testing.assert_allclose(found[f"{TO_Q}.weight"], BASE[f"{TO_Q}.weight"] + UP @ DOWN, atol=1e-5)


BAD = {
    "half": ({name: KOHYA[name] for name in list(KOHYA)[1:]}, "aren't a pair"),
    "stranger": ({name.replace("to_q", "to_k"): value for name, value in KOHYA.items()}, "no parameter"),
    "alpha": ({**KOHYA, "lora_unet_mid_block_attn_1_to_q.alpha": np.ones(2, "f4")}, "isn't a number"),
    "nan": ({**KOHYA, "lora_unet_mid_block_attn_1_to_q.alpha": np.array(np.nan, "f4")}, "NaN or infinite"),
    "middle": ({**KOHYA, "lora_unet_down_blocks_0_conv.lora_mid.weight": normal(3, 3, 3, 3)}, "can't merge"),
    "dora": ({**KOHYA, "lora_unet_mid_block_attn_1_to_q.dora_scale": normal(24, 1)}, "no parameter"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files(case: str, tmp_path: Path) -> None:
    arrays, message = BAD[case]
    manifest, _ = stored(BASE, tmp_path)
    with pytest.raises(UsageError, match=message):
        given_by(file(tmp_path, arrays), "low-rank", manifest)


def test_a_dense_update_of_a_lora_file_is_no_lora(tmp_path: Path) -> None:
    data = file(tmp_path, {"lora_unet_mid_block_attn_1_to_q.lora_up.weight": UP + 1})
    found = sideloaded(KOHYA, data, "dense", tmp_path)
    np.testing.assert_array_equal(found["lora_unet_mid_block_attn_1_to_q.lora_up.weight"], UP + 1)


def test_modules_that_have_one_name_with_underscores(tmp_path: Path) -> None:
    manifest, _ = stored({**BASE, "other.mid.block.attn_1.to_q.weight": normal(24, 16)}, tmp_path)
    with pytest.raises(UsageError, match="could be any of"):
        given_by(file(tmp_path, KOHYA), "low-rank", manifest)
