"""Train a low-rank adapter of the base, for images that are turned or inverted."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from evaluate import CHANGES
from models import class_of, fit, load, read_data
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

RANK = 16


class LowRank(nn.Module):
    """Adds the product of two factors to a frozen weight."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.lora_A = nn.Parameter(torch.randn(RANK, weight.shape[1]) / weight.shape[1] ** 0.5)
        self.lora_B = nn.Parameter(torch.zeros(weight.shape[0], RANK))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight that the layer works with."""
        return weight + self.lora_B @ self.lora_A


def main() -> None:
    """Train the factors alone, and write them as PEFT does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--change", choices=sorted(CHANGES), required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.manual_seed(2)
    model = load(args.base).requires_grad_(False)
    layers = {name: layer for name, layer in model.trunk.named_children() if isinstance(layer, nn.Linear)}
    factors = {name: LowRank(layer.weight) for name, layer in layers.items()}
    for name, layer in layers.items():
        register_parametrization(layer, "weight", factors[name])
    images, labels = read_data(args.data)
    fit(model, CHANGES[args.change](images), class_of(labels, "digit"), "digit", epochs=60, rate=3e-3)
    values = {
        f"base_model.model.trunk.{name}.{factor}.weight": value.detach().contiguous()
        for name, each in factors.items()
        for factor, value in each.named_parameters()
    }
    save_file(values, args.out)
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": args.base,
        "r": RANK,
        "lora_alpha": RANK,
        "target_modules": sorted(f"trunk.{name}" for name in layers),
    }
    Path(args.out).with_name("adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
