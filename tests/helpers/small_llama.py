"""Folders of small models with the tensors of a Llama, as libraries save them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.combining import Weights

HIDDEN, INNER, VOCABULARY = 8, 12, 20

#: Name in a layer → shape.
_LAYER = {
    "input_layernorm": (HIDDEN,),
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN, HIDDEN),
    "self_attn.v_proj": (HIDDEN, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "post_attention_layernorm": (HIDDEN,),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}

_AROUND = {
    "model.embed_tokens": (VOCABULARY, HIDDEN),
    "model.norm": (HIDDEN,),
    "lm_head": (VOCABULARY, HIDDEN),
}


def llama_weights(seed: int, layers: int = 4, base: Weights | None = None) -> Weights:
    """The weights of a model, near those of a base if there's one."""
    random = np.random.default_rng(seed)
    shapes = dict(_AROUND)
    shapes |= {f"model.layers.{i}.{name}": shape for i in range(layers) for name, shape in _LAYER.items()}
    found = {}
    for name, shape in shapes.items():
        key = f"{name}.weight"
        step = random.normal(size=shape)
        found[key] = (step if base is None else base[key] + 0.1 * step).astype("f4")
    return found


def llama_folder(path: Path, weights: Weights, dtype: str = "float32") -> Path:
    """The folder of a model: its weights and its configuration."""
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(safetensors_bytes(weights, {"format": "pt"}))
    layers = len({name.split(".")[2] for name in weights if name.startswith("model.layers.")})
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_attention_heads": 2,
        "num_hidden_layers": layers,
        "vocab_size": VOCABULARY,
        "torch_dtype": dtype,
    }
    (path / "config.json").write_text(json.dumps(config))
    return path
