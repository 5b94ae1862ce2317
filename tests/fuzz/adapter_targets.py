"""Readers of adapters: their settings, and the names and shapes of their tensors."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from random import Random

import numpy as np

from git_theta.adapters.fitted_settings import ModuleFit, fitted_settings
from git_theta.adapters.lora_settings import lora_settings
from git_theta.merging.settings_versions import parsed_settings, settings_text
from git_theta.model.tensor import TensorSpec
from git_theta.sideload.draft import check_steps
from git_theta.sideload.peft import read_adapter
from tests.fuzz.target import Target
from tests.helpers.checkpoints import safetensors_bytes

_SPECS = {
    name: TensorSpec("F32", shape)
    for name, shape in {
        "m.up.weight": (24, 16),
        "m.up.bias": (24,),
        "m.square.weight": (16, 16),
        "m.embed.weight": (19, 16),
        "m.experts.gate": (3, 16, 24),
        "m.experts.down": (3, 12, 16),
    }.items()
}
_TENSORS = (
    "up.lora_A.weight 4x16",
    "up.lora_B.weight 24x4",
    "up.lora_B.bias 24",
    "up.lora_magnitude_vector 24",
    "square.lora_A.weight 4x16",
    "square.lora_B.weight 16x4",
    "embed.lora_embedding_A 4x19",
    "embed.lora_embedding_B 16x4",
    "embed.token_adapter.trainable_tokens_delta 2x16",
    "embed.base_layer.weight 19x16",
    "experts.lora_A.weight 12x16",
    "experts.lora_B.weight 24x12",
    "experts.base_layer.lora_A.weight 12x12",
    "experts.base_layer.lora_B.weight 16x12",
    "up.ia3_l 24x1",
    "up.modules_to_save.default.weight 24x16",
)
_SETTINGS: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("peft_type", ("LORA", "LORA", "LORA", "IA3", "VERA", None)),
    ("r", (4, 4, 4, 8, 0, -1, 1.5, 10**9, 10**400, float("nan"), "4")),
    ("lora_alpha", (8, 8, 16, 0, 1e308, 10**400, True)),
    ("rank_pattern", ({}, {"up": 4}, {"^u.": 4, "square": 4}, {"(a+)+": 3}, {"(": 3}, [1])),
    ("alpha_pattern", ({}, {"up": 4}, {"l.*.q": 10**400})),
    ("use_rslora", (False, True)),
    ("use_dora", (False, True)),
    ("fan_in_fan_out", (False, True)),
    ("feedforward_modules", ([], ["up"], "(u|v)p", "(", 3)),
    ("target_parameters", (None, ["experts.gate", "experts.down"], ["experts.gate"], "x", [1])),
    ("trainable_token_indices", (None, [1, 5], {"embed": [1, 5]}, [1, 1], [99, 3], {"embed": -1})),
    ("init_lora_weights", (True, None, "pissa", {}, "gaussian")),
    ("use_novelty", (False, False, True)),
)


def adapter(random: Random) -> bytes:
    """Settings, a zero byte, and lines of names and shapes."""
    config = {key: random.choice(values) if random.random() < 0.1 else values[0] for key, values in _SETTINGS}
    start = random.choice((0, 0, 0, 0, 4, 6, 10, 14))
    names = _TENSORS[start : start + random.choice((2, 2, 2, 4))]
    return json.dumps(config).encode() + b"\0" + "\n".join(names).encode()


def read(data: bytes) -> None:
    """Read an adapter for a small model, and check that its updates fit."""
    config, _, lines = data.partition(b"\0")
    arrays = {}
    for line in lines.decode("utf-8", "replace").split("\n"):
        name, _, shape = line.rpartition(" ")
        sizes = [min(int(size), 40) for size in re.findall(r"[0-9]{1,2}", shape)][:3]
        arrays[f"base_model.model.{name}"] = np.ones(sizes, "f4")
    with tempfile.TemporaryDirectory(prefix="git-theta-") as folder:
        (Path(folder) / "adapter_config.json").write_bytes(config)
        (Path(folder) / "adapter_model.safetensors").write_bytes(safetensors_bytes(arrays))
        kind = "ia3" if b'"IA3"' in config else "low-rank"
        given = read_adapter(Path(folder), kind, _SPECS)
    assert given
    for name, steps in given.items():
        check_steps(steps, name, _SPECS[name])


def read_settings(data: bytes) -> None:
    """Make settings fit modules of other ranks."""
    config = parsed_settings("adapter_config.json", data.partition(b"\0")[0])
    modules = {"up": ModuleFit(4), "square": ModuleFit(2, 0.5), "l.1.q": ModuleFit(2), "l.11.q": ModuleFit(3)}
    fitted = lora_settings(parsed_settings("", settings_text(fitted_settings(config, modules))))
    for name, fit in modules.items():
        scale = fitted.scale(name, fit.rank)
        assert scale != 0
        assert fit.scale is None or abs(scale - fit.scale) < 1e-6


_TOKENS = (b"{", b"[", b"null", b"9" * 400, b"1e999", b"NaN", b'"', b".lora_A", b".weight", b" 4x0", b"\0")

ADAPTER_TARGETS = (
    Target("adapter", adapter, read, _TOKENS, share=0.6),
    Target("adapter-settings", adapter, read_settings, _TOKENS, share=0.6),
)
