from __future__ import annotations

import pytest

from git_theta.lineage.structure.module_types import Shape, module_type


@pytest.mark.parametrize(
    ("name", "shapes", "expected"),
    [
        ("h.0.c_fc", {"weight": (4, 8), "bias": (8,)}, "linear"),
        ("dense", {"kernel": (4, 8)}, "linear"),
        ("conv1", {"weight": (4, 3, 3, 3)}, "conv"),
        ("ln_f", {"weight": (4,), "bias": (4,)}, "norm"),
        (
            "bn",
            {"weight": (4,), "running_mean": (4,), "running_var": (4,), "num_batches_tracked": ()},
            "norm",
        ),
        ("bn", {"running_mean": (4,), "running_var": (4,)}, "norm"),
        ("LayerNorm_0", {"gamma": (4,), "beta": (4,)}, "norm"),
        ("model.embed_tokens", {"weight": (50, 4)}, "embedding"),
        ("wte", {"weight": (50, 4)}, "embedding"),
        ("Embed_0", {"embedding": (50, 4)}, "embedding"),
        ("embeddings.dense", {"weight": (4, 4)}, "linear"),
        ("attn", {"in_proj_weight": (12, 4), "in_proj_bias": (12,)}, "attention"),
        ("lstm", {"weight_ih_l0": (16, 4), "weight_hh_l0": (16, 4)}, "recurrent"),
        ("lstm", {"kernel": (4, 16), "recurrent_kernel": (4, 16)}, "recurrent"),
        ("q_proj.lora_A", {"weight": (2, 4)}, "factor"),
        ("q_proj.lora_A", {"": (2, 4)}, "factor"),
        ("cls_token", {"": (1, 1, 4)}, "tensor"),
        ("pos_embed", {"": (1, 9, 4)}, "embedding"),
        ("logit_scale", {"": ()}, "scalar"),
        ("l.0", {"": (4, 4)}, "matrix"),
        ("head", {"bias": (4,)}, "bias"),
    ],
)
def test_types(name: str, shapes: dict[str, Shape], expected: str) -> None:
    assert module_type(name, shapes) == expected
