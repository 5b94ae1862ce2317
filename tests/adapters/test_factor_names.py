"""Names of adapters' tensors, as several tools write them."""

from __future__ import annotations

import pytest

from git_theta.adapters.factor_names import (
    ALPHA,
    BIAS,
    DIAGONAL,
    DOWN,
    MAGNITUDE,
    UP,
    FactorName,
    factor_name,
)

NAMES = {
    "base_model.model.l.0.q.lora_A.weight": FactorName("LoRA", "base_model.model.l.0.q", "", DOWN),
    "state/l.q.lora_B.default.weight": FactorName("LoRA", "state/l.q", "default", UP),
    "l.q.lora_B.default.bias": FactorName("LoRA", "l.q", "default", BIAS),
    "l.q.lora_B.bias": FactorName("LoRA", "l.q", "", BIAS),
    "embed.lora_embedding_A": FactorName("LoRA", "embed", "", DOWN),
    "embed.lora_embedding_B.default": FactorName("LoRA", "embed", "default", UP),
    "l.q.lora_magnitude_vector": FactorName("LoRA", "l.q", "", MAGNITUDE),
    "l.q.lora_magnitude_vector.default.weight": FactorName("LoRA", "l.q", "default", MAGNITUDE),
    "lora_unet_mid_to_k.lora_down.weight": FactorName("LoRA", "lora_unet_mid_to_k", "", DOWN),
    "lora_unet_mid_to_k.lora_up.weight": FactorName("LoRA", "lora_unet_mid_to_k", "", UP),
    "lora_unet_mid_to_k.alpha": FactorName("LoRA", "lora_unet_mid_to_k", "", ALPHA),
    "lora_unet_mid_to_k.dora_scale": FactorName("LoRA", "lora_unet_mid_to_k", "", MAGNITUDE),
    "unet.mid.to_k.lora.down.weight": FactorName("LoRA", "unet.mid.to_k", "", DOWN),
    "unet.processor.to_q_lora.up.weight": FactorName("LoRA", "unet.processor.to_q", "", UP),
    "text.to_q.lora_linear_layer.up.weight": FactorName("LoRA", "text.to_q", "", UP),
    "l.q.hada_w1_a": FactorName("LoHa", "l.q"),
    "l.q.lokr_w1.default": FactorName("LoKr", "l.q"),
    "l.q.vera_lambda_b": FactorName("VeRA", "l.q"),
    "l.q.lora_E": FactorName("LoRA", "l.q", "", DIAGONAL),
    "l.q.boft_s.default": FactorName("BOFT", "l.q"),
    "l.q.gralora_A_general.weight": FactorName("GraLoRA", "l.q"),
    "l.q.hira_embedding_B": FactorName("HiRA", "l.q"),
    "l.q.vblora_logits_A": FactorName("VB-LoRA", "l.q"),
    "l.q.randlora_lambda": FactorName("RandLoRA", "l.q"),
    "l.q.delora_lambda": FactorName("DeLoRA", "l.q"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_place_of_a_tensor(name: str) -> None:
    assert factor_name(name) == NAMES[name]


OTHERS = ["w", "lora_A.weight", "mlp.down.weight", "down_blocks.0.up.weight", "alpha", "road_net.conv.weight"]


@pytest.mark.parametrize("name", [*OTHERS, "l.lora_rank"])
def test_other_names(name: str) -> None:
    assert factor_name(name) is None


def test_several_adapters_of_a_module_are_apart() -> None:
    one, other = (factor_name(f"l.lora_A.{adapter}.weight") for adapter in ("en", "fr"))
    assert one
    assert other
    assert one.group != other.group
