"""Derived models: quantised, pruned, adapted, merged, distilled, extended, and in other files. 18 models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.lineage.shapes.made_model import MadeModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import torch

_BASE = "base.safetensors"
_TASKS = ("sentiment", "topic", "tense")


def make(folder: Path) -> Iterator[MadeModel]:
    """Train and derive the models."""
    import torch

    from benchmarks.lineage.shapes.pruning import kept
    from benchmarks.lineage.training.distillation import distil
    from benchmarks.lineage.training.files import load, save
    from benchmarks.lineage.training.low_rank import train_adapter
    from benchmarks.lineage.training.text_model import finetune, train_base

    train_base(folder / _BASE, seed=3)
    yield MadeModel(_BASE)
    base = load(folder / _BASE)
    tuned = {}
    for number, task in enumerate(_TASKS):
        finetune(folder / _BASE, task, folder / f"{task}.safetensors", seed=300 + number)
        yield MadeModel(f"{task}.safetensors", (_BASE,), "finetune", 1)
        tuned[task] = load(folder / f"{task}.safetensors")

    def derive(
        path: str, tensors: dict[str, torch.Tensor], parents: tuple[str, ...], relation: str
    ) -> MadeModel:
        save(tensors, folder / path)
        return MadeModel(path, parents, relation, 2)

    adapter, merged = train_adapter(folder / _BASE, "person", seed=310)
    yield derive("lora/adapter_model.safetensors", adapter, (_BASE,), "adapter")
    yield derive("lora-merged.safetensors", merged, (_BASE,), "finetune")
    yield derive("base-bf16.safetensors", _cast(base, torch.bfloat16), (_BASE,), "cast")
    yield derive(
        "topic-f16.safetensors", _cast(tuned["topic"], torch.float16), ("topic.safetensors",), "cast"
    )
    yield derive("base-int8.safetensors", quantised(base, 8), (_BASE,), "quantized")
    yield derive("topic-int4.safetensors", quantised(tuned["topic"], 4), ("topic.safetensors",), "quantized")
    masks = kept(base, 0.6)
    pruned = {name: tensor * masks.get(name, 1) for name, tensor in base.items()}
    yield derive("base-pruned.safetensors", pruned, (_BASE,), "pruned")
    for weights in ((0.5, 0.5), (0.7, 0.3)):
        mixed = {
            name: weights[0] * tuned["sentiment"][name] + weights[1] * tuned["topic"][name] for name in base
        }
        name = f"merge-{weights[0]:.0%}.safetensors".replace("%", "")
        yield derive(name, mixed, ("sentiment.safetensors", "topic.safetensors"), "merge")
    soup = {name: torch.stack([model[name] for model in tuned.values()]).mean(dim=0) for name in base}
    yield derive("soup.safetensors", soup, tuple(f"{task}.safetensors" for task in _TASKS), "merge")
    wider = {**base, "embeddings.weight": _more_rows(base["embeddings.weight"], 32)}
    yield derive("base-more-words.safetensors", wider, (_BASE,), "extended")
    student = distil(folder / "topic.safetensors", layers=2, seed=320)
    yield derive("topic-small.safetensors", student, ("topic.safetensors",), "distilled")
    finetune(folder / "lora-merged.safetensors", "person", folder / "person.safetensors", seed=330)
    yield MadeModel("person.safetensors", ("lora-merged.safetensors",), "finetune", 3)
    finetune(folder / "soup.safetensors", "action", folder / "action.safetensors", seed=340)
    yield MadeModel("action.safetensors", ("soup.safetensors",), "finetune", 3)


def quantised(tensors: dict[str, torch.Tensor], bits: int) -> dict[str, torch.Tensor]:
    """A model whose matrices are integers with a scale for each row, as `weight_scale`.

    Codes of four bits are packed in pairs, the first of a pair in the low bits.
    """
    import torch

    found = {}
    for name, tensor in tensors.items():
        if tensor.ndim != 2 or not name.endswith("weight") or "embeddings" in name or "positions" in name:
            found[name] = tensor
            continue
        scale = tensor.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
        codes = torch.round(tensor / scale)
        if bits == 8:
            found[name] = codes.to(torch.int8)
        else:
            shifted = (codes + 8).to(torch.uint8)
            found[name] = shifted[:, ::2] | shifted[:, 1::2] << 4
        found[f"{name}_scale"] = scale
    return found


def _cast(tensors: dict[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    return {name: tensor.to(dtype) for name, tensor in tensors.items()}


def _more_rows(tensor: torch.Tensor, count: int) -> torch.Tensor:
    import torch

    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(count, tensor.shape[1], generator=generator) * tensor.std() + tensor.mean(dim=0)
    return torch.cat([tensor, rows])
