"""Print the accuracy of a model on the test set, as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
from models import Classifier, class_of, load, read_data
from safetensors.torch import load_file
from torch import Tensor

#: Name → what is done to the images.
CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda images: images,
    "turned": lambda images: images.rot90(1, (1, 2)),
    "inverted": lambda images: 1 - images,
}


def add_adapter(model: Classifier, path: str) -> None:
    """Add the products of an adapter's factors to the weights of its base."""
    factors = load_file(path)
    for name, up in factors.items():
        if ".lora_B." in name:
            layer = name.removeprefix("base_model.model.").split(".lora_B.")[0]
            weight = model.get_submodule(layer).weight
            weight.data += up @ factors[name.replace(".lora_B.", ".lora_A.")]


def main() -> None:
    """Evaluate a model, or a base with an adapter."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--base", help="the model that MODEL is an adapter of")
    parser.add_argument("--data", required=True)
    parser.add_argument("--change", choices=sorted(CHANGES), default="none")
    args = parser.parse_args()
    model = load(args.base or args.model)
    if args.base:
        add_adapter(model, args.model)
    images, labels = read_data(args.data)
    images = CHANGES[args.change](images)
    with torch.no_grad():
        right = [
            (model(images, task).argmax(1) == class_of(labels, task)).float().mean().item()
            for task in sorted(model.heads)
        ]
    print(json.dumps({"accuracy": round(sum(right) / len(right), 4)}))


if __name__ == "__main__":
    main()
