"""Lists of layers in names of parameters."""

from __future__ import annotations

import pytest

from git_theta.merging.layer_positions import in_layer, layer_of, layer_positions


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("model.layers.3.mlp.down_proj.weight", ("model.layers.", 3)),
        ("model/layers.12.mlp.experts.7.w1", ("model/layers.", 12)),
        ("transformer.h.0.attn.c_attn.weight", ("transformer.h.", 0)),
        ("encoder.layers.encoder_layer_11.ln_1.weight", ("encoder.layers.encoder_layer_", 11)),
        ("0.weight", ("", 0)),
        ("model.embed_tokens.weight", None),
        ("model.fc1.weight", None),
        ("ln_1.weight", None),
    ],
)
def test_the_first_number_is_the_layer(name: str, layer: tuple[str, int] | None) -> None:
    assert layer_of(name) == layer


def test_another_layer() -> None:
    assert in_layer("model.layers.3.experts.7.w", 12) == "model.layers.12.experts.7.w"
    assert in_layer("lm_head.weight", 12) == "lm_head.weight"


def test_each_list_goes_from_0_to_1() -> None:
    names = [*(f"encoder.layers.{i}.w" for i in range(5)), *(f"decoder.layers.{i}.w" for i in range(3))]
    found = layer_positions([*names, "head.0.w", "embed.w"])
    assert [found[name] for name in names] == [0, 0.25, 0.5, 0.75, 1, 0, 0.5, 1]
    assert found["head.0.w"] == 1  # the only layer of its list
    assert found["embed.w"] == 0
