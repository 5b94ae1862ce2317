"""Against PEFT itself: merging an adapter here gives what `merge_and_unload` gives there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.sideloading import sideloaded, ulps

peft = pytest.importorskip("peft")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.filterwarnings("ignore")


class Experts(torch.nn.Module):  # type: ignore[misc, name-defined]
    """The stacked weights of three experts."""

    def __init__(self, is_transposed: bool) -> None:
        super().__init__()
        self.is_transposed = is_transposed
        shapes = ((8, 12), (6, 8)) if is_transposed else ((12, 8), (8, 6))
        self.gate_up_proj, self.down_proj = (torch.nn.Parameter(torch.randn(3, *shape)) for shape in shapes)


class Small(torch.nn.Module):  # type: ignore[misc, name-defined]
    """One layer of each type that adapters are put on."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(19, 16)
        self.up = torch.nn.Linear(16, 24)
        self.square = torch.nn.Linear(24, 24)
        self.turned = transformers.pytorch_utils.Conv1D(24, 24)
        self.wide = transformers.pytorch_utils.Conv1D(40, 24)
        self.conv = torch.nn.Conv2d(8, 12, 3)
        self.point = torch.nn.Conv2d(12, 6, 1)
        self.head = torch.nn.Linear(40, 3)
        self.line = torch.nn.Conv1d(8, 12, 3)
        self.volume = torch.nn.Conv3d(2, 3, 2)
        self.experts = Experts(is_transposed=False)
        self.turned_experts = Experts(is_transposed=True)
        self.layers = torch.nn.ModuleList(torch.nn.ModuleDict({"q": torch.nn.Linear(8, 8)}) for _ in range(3))


def config(kind: str, **settings: Any) -> Any:
    if kind == "ia3":
        return peft.IA3Config(**settings)
    rank = {} if "r" in settings else {"r": 4}
    return peft.LoraConfig(lora_alpha=9, **rank, **settings)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("lora", {"target_modules": ["up", "square"]}),
    "rslora": ("lora", {"target_modules": ["up"], "use_rslora": True}),
    "patterns": (
        "lora",
        {
            "target_modules": ["up", "square", "conv"],
            "rank_pattern": {"up": 2, "^conv": 3},
            "alpha_pattern": {"squ.re": 5},
        },
    ),
    "turned": ("lora", {"target_modules": ["turned", "wide"], "fan_in_fan_out": True}),
    "embedding": ("lora", {"target_modules": ["embed", "up"]}),
    "convolutions": ("lora", {"target_modules": ["conv", "point"]}),
    "saved": ("lora", {"target_modules": ["up"], "modules_to_save": ["head"]}),
    "biases": ("lora", {"target_modules": ["up"], "bias": "all"}),
    "trained biases": ("lora", {"target_modules": ["up", "square"], "bias": "lora_only"}),
    "one layer of a pattern": ("lora", {"target_modules": r"(up|square)"}),
    "rslora with patterns": (
        "lora",
        {
            "target_modules": ["up", "conv"],
            "use_rslora": True,
            "rank_pattern": {"up": 2},
            "alpha_pattern": {"conv": 3},
        },
    ),
    "saved embedding": ("lora", {"target_modules": ["up"], "modules_to_save": ["embed", "head"]}),
    "dora": ("lora", {"target_modules": ["up", "square"], "use_dora": True}),
    "dora with rslora": ("lora", {"target_modules": ["up", "embed"], "use_dora": True, "use_rslora": True}),
    "dora turned": ("lora", {"target_modules": ["turned", "wide"], "use_dora": True, "fan_in_fan_out": True}),
    "dora of convolutions": ("lora", {"target_modules": ["conv", "point", "line"], "use_dora": True}),
    "volumes": ("lora", {"target_modules": ["volume", "line"]}),
    "experts": (
        "lora",
        {"target_modules": [], "target_parameters": ["experts.gate_up_proj", "experts.down_proj"]},
    ),
    "experts with patterns": (
        "lora",
        {
            "target_modules": ["up"],
            "target_parameters": ["gate_up_proj", "turned_experts.down_proj"],
            "rank_pattern": {"experts.gate_up_proj": 2, "up": 3},
            "alpha_pattern": {"down_proj": 5},
            "use_rslora": True,
        },
    ),
    "a weight as a parameter": ("lora", {"target_modules": ["up"], "target_parameters": ["square.weight"]}),
    "tokens": ("lora", {"target_modules": ["up"], "trainable_token_indices": {"embed": [5, 1, 18]}}),
    "orthogonal": ("lora", {"target_modules": ["up"], "init_lora_weights": "orthogonal"}),
    "some layers": (
        "lora",
        {"target_modules": ["q"], "layers_to_transform": [1], "layers_pattern": "layers"},
    ),
    "all linear but one": ("lora", {"target_modules": "all-linear", "exclude_modules": ["turned", "wide"]}),
    "lora bias": ("lora", {"target_modules": ["up"], "lora_bias": True}),
    "ia3": ("ia3", {"target_modules": ["up", "square"], "feedforward_modules": ["square"]}),
    "ia3 turned": (
        "ia3",
        {"target_modules": ["turned", "wide"], "feedforward_modules": ["turned"], "fan_in_fan_out": True},
    ),
    "ia3 turned out": (
        "ia3",
        {"target_modules": ["turned"], "feedforward_modules": [], "fan_in_fan_out": True},
    ),
    "ia3 convolutions": ("ia3", {"target_modules": ["conv", "point"], "feedforward_modules": ["point"]}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("safe", [True, False])
def test_side_loading_gives_the_weights_that_peft_merges(case: str, safe: bool, tmp_path: Path) -> None:
    torch.manual_seed(3)
    kind, settings = CASES[case]
    model = Small()
    before = arrays(model)
    adapted = peft.get_peft_model(model, config(kind, **settings))
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn_like(parameter)
    adapted.save_pretrained(tmp_path / "adapter")
    if not safe:
        weights = tmp_path / "adapter" / "adapter_model.safetensors"
        from safetensors.torch import load_file

        torch.save(load_file(weights), weights.with_suffix(".bin"))
        weights.unlink()
    after = arrays(adapted.merge_and_unload())
    assert after.keys() == before.keys()
    found = sideloaded(before, tmp_path / "adapter", "ia3" if kind == "ia3" else "low-rank", tmp_path)
    assert found.keys() == {name for name in after if not np.array_equal(after[name], before[name])}
    for name, value in found.items():
        near = np.abs(value - after[name]).max() <= 2 * np.spacing(np.abs(after[name]).max())
        assert near, (name, ulps(value, after[name]))


@pytest.mark.parametrize(
    "settings",
    [
        {"init_lora_weights": "olora"},
        {"init_lora_weights": "pissa"},
        {"target_modules": ["up", "turned", "wide", "head"]},
    ],
)
def test_adapters_that_cannot_be_merged(settings: dict[str, Any], tmp_path: Path) -> None:
    from git_theta.errors import UsageError

    model = Small()
    before = arrays(model)
    adapted = peft.get_peft_model(model, config("lora", **{"target_modules": ["up"], **settings}))
    adapted.save_pretrained(tmp_path / "adapter")
    with pytest.raises(UsageError, match="adapter"):
        sideloaded(before, tmp_path / "adapter", "low-rank", tmp_path)


def arrays(model: Any) -> dict[str, NDArray[Any]]:
    return {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}
