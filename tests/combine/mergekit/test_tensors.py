"""Names of tensors before and after the layers."""

from __future__ import annotations

import pytest

from git_theta.combine.mergekit.tensors import is_before_layers


@pytest.mark.parametrize(
    "name",
    [
        "model.embed_tokens.weight",
        "transformer.wte.weight",
        "transformer.wpe.weight",
        "bert.embeddings.LayerNorm.bias",
        "gpt_neox.embed_in.weight",
        "model.embedding_norm.weight",
        "transformer.rotary_pos_emb.inv_freq",
        "shared.weight",
    ],
)
def test_before(name: str) -> None:
    assert is_before_layers(name)


@pytest.mark.parametrize(
    "name",
    [
        "model.norm.weight",
        "lm_head.weight",
        "embed_out.weight",
        "transformer.ln_f.bias",
        "score.weight",
        "output.weight",
    ],
)
def test_after(name: str) -> None:
    assert not is_before_layers(name)
