"""Against PEFT itself: merged factors have the product that `add_weighted_adapter` makes there."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.model.tensor import TensorSpec
from git_theta.strategies import registry
from git_theta.strategies.groups import GroupCase, GroupStrategy, GroupVersion
from tests.helpers import in_process

peft = pytest.importorskip("peft")
torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

SETTINGS: list[dict[str, Any]] = [
    {"r": 4, "lora_alpha": 9},
    {"r": 3, "lora_alpha": 5, "use_rslora": True},
]
WEIGHTS = (0.75, -0.5)


class Small(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A linear layer and a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.up = torch.nn.Linear(16, 24)
        self.conv = torch.nn.Conv2d(8, 12, 3)


@pytest.mark.parametrize("module", ["up", "conv"])
@pytest.mark.parametrize(("strategy", "method"), [("lora-svd", "svd"), ("lora-cat", "cat")])
def test_products_are_those_that_peft_merges(module: str, strategy: str, method: str) -> None:
    torch.manual_seed(1)
    model = peft.PeftModel(Small(), config(0), "one")
    model.add_adapter("two", config(1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    rank = {"svd_rank": 4} if method == "svd" else {}
    model.add_weighted_adapter(
        ["one", "two"], WEIGHTS, "both", combination_type=method, svd_clamp=None, **rank
    )
    layer = getattr(model.base_model.model, module)
    expected = layer.get_delta_weight("both").detach().numpy()
    found = merged(strategy, layer, {"r": len(layer.lora_A["both"].weight), "lora_alpha": 6})
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5)


def config(number: int) -> Any:
    return peft.LoraConfig(target_modules=["up", "conv"], **SETTINGS[number])


def merged(name: str, layer: Any, after: dict[str, Any]) -> NDArray[Any]:
    """The product of the merged factors, with its scale."""
    strategy = registry().get(name)
    assert isinstance(strategy, GroupStrategy)
    values = [
        {
            f"m.lora_{part}.weight": getattr(layer, f"lora_{part}")[adapter].weight.detach().double().numpy()
            for part in "AB"
        }
        for adapter in ("one", "two")
    ]
    versions = tuple(
        GroupVersion({key: TensorSpec("F32", value.shape) for key, value in each.items()}, settings)
        for each, settings in zip(values, SETTINGS, strict=True)
    )
    options = strategy.options(weights=WEIGHTS, normalize=False)
    case = GroupCase("m", versions, None, after)
    strategy.result(case, options)
    made = strategy.merge_group(case, values, options).values
    down, up = made["m.lora_A.weight"], made["m.lora_B.weight"]
    product: NDArray[Any] = up.reshape(-1, len(down)) @ down.reshape(len(down), -1)
    return product * after["lora_alpha"] / len(down)


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
@pytest.mark.parametrize("method", ["cat", "svd"])
def test_combined_adapters_are_read_by_peft(method: str, order: tuple[str, str], tmp_path: Path) -> None:
    """With the settings that are written beside them: ranks, scales and targets differ."""
    torch.manual_seed(2)
    base = Small()
    names, configs = (
        ("one", "two"),
        [
            peft.LoraConfig(target_modules=["up", "conv"], r=4, lora_alpha=9, rank_pattern={"conv": 3}),
            peft.LoraConfig(target_modules=["up"], r=2, lora_alpha=5, use_rslora=True),
        ],
    )
    for name, each in zip(names, configs, strict=True):
        adapted = peft.get_peft_model(copy.deepcopy(base), each)
        with torch.no_grad():
            for parameter in adapted.parameters():
                if parameter.requires_grad:
                    parameter += 0.1 * torch.randn_like(parameter)
        adapted.save_pretrained(tmp_path / name)
    folders = [str(tmp_path / name) for name in order]
    whole = peft.PeftModel.from_pretrained(copy.deepcopy(base), folders[0], adapter_name=order[0])
    whole.load_adapter(folders[1], order[1])
    (tmp_path / "out").mkdir()
    out = str(tmp_path / "out" / "adapter_model.safetensors")
    in_process.theta(tmp_path, ["combine", "-s", f"lora-{method}", *folders, "-o", out], None, None)
    ours = peft.PeftModel.from_pretrained(copy.deepcopy(base), str(tmp_path / "out"))
    for module, rank in (("up", {"one": 4, "two": 2}), ("conv", {"one": 3, "two": 2})):
        layer = getattr(whole.base_model.model, module)
        deltas = [layer.get_delta_weight(name).detach().numpy() for name in order if name in layer.lora_A]
        expected = (sum(deltas) / 2).reshape(len(deltas[0]), -1)
        if method == "svd":
            left, sizes, right = np.linalg.svd(expected, full_matrices=False)
            kept = rank[order[0]]
            expected = (left[:, :kept] * sizes[:kept]) @ right[:kept]
        found = getattr(ours.base_model.model, module).get_delta_weight("default").detach().numpy()
        np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5)
