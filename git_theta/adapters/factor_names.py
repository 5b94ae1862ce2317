"""Names of an adapter's tensors: the module that each belongs to, and its part there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

#: The file of PEFT that has an adapter's settings, beside its tensors.
CONFIG: Final = "adapter_config.json"

#: Parts of a LoRA: a module's weight moves by `scale * up @ down`.
DOWN: Final = "down"
UP: Final = "up"

#: Other parts of a LoRA: the bias of `up`, DoRA's magnitudes, and the numerator of the scale.
BIAS: Final = "bias"
MAGNITUDE: Final = "magnitude"
ALPHA: Final = "alpha"

_PARTS: Final = {
    **dict.fromkeys(("A", "embedding_A", "down"), DOWN),
    **dict.fromkeys(("B", "embedding_B", "up"), UP),
    **dict.fromkeys(("magnitude_vector", "dora_scale"), MAGNITUDE),
    "alpha": ALPHA,
}

#: PEFT's names: `MODULE.lora_A.weight`, with the adapter's own name before `weight` where PEFT didn't save.
_PEFT = re.compile(
    r"(?P<module>.+)[./]lora_(?P<part>A|B|embedding_A|embedding_B|magnitude_vector)"
    r"(?P<adapter>(?:[./](?!weight$|bias$)\w+)*)(?:[./](?P<what>weight|bias))?"
)

#: Names of kohya's scripts and of diffusers: `MODULE.lora_down.weight`, `MODULE.lora.down.weight`.
_OTHERS = re.compile(
    r"(?P<module>.+?)(?P<adapter>[./]lora_|[._/]lora[./]|[./]lora_linear_layer[./])(?P<part>down|up)[./]weight"
    r"|(?P<beside>.+)[./](?P<number>alpha|dora_scale)"
)

#: Factors of methods whose products aren't those of two matrices.
_COMPOUND = re.compile(
    r"(?P<module>.+)[./](?:hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2)|vera_lambda_[bd])(?:[./]\w+)*"
)
_METHODS: Final = {"hada": "LoHa", "lokr": "LoKr", "vera": "VeRA"}

_MARK = re.compile(r"lora|hada_|lokr_|vera_|[./]alpha$|dora_scale")

#: The names of an adapted model begin with this in PEFT's files.
PREFIX: Final = "base_model.model."


@dataclass(frozen=True, slots=True)
class FactorName:
    """The place of a tensor in an adapter.

    Attributes:
        method: The kind of adapter: `LoRA`, `LoHa`, `LoKr` or `VeRA`.
        module: Name of the adapted module, as it begins the tensor's name.
        adapter: The adapter's own name among several of one module; empty if names don't have it.
        part: `DOWN`, `UP`, `BIAS`, `MAGNITUDE` or `ALPHA` of a LoRA; empty for other methods.
    """

    method: str
    module: str
    adapter: str = ""
    part: str = ""

    @property
    def adapted(self) -> str:
        """Name of the adapted module in the model, as patterns of settings match it."""
        module = self.module.replace("/", ".")
        return module.partition(PREFIX)[2] or module

    @property
    def group(self) -> str:
        """Equal for all tensors of one adapter of one module, and a text for messages."""
        return f"{self.module} ({self.adapter})" if self.adapter else self.module


def factor_name(name: str) -> FactorName | None:
    """The place of a tensor in an adapter; `None` if the name isn't that of an adapter's tensor.

    A name such as `MODULE.alpha` may also be that of another parameter: it's part of a LoRA only if the
    module has factors.
    """
    if not _MARK.search(name):
        return None
    if found := _PEFT.fullmatch(name):
        part = BIAS if found["what"] == "bias" and found["part"] == "B" else _PARTS[found["part"]]
        return FactorName("LoRA", found["module"], found["adapter"].strip("./"), part)
    if found := _OTHERS.fullmatch(name):
        return FactorName(
            "LoRA", found["module"] or found["beside"], "", _PARTS[found["part"] or found["number"]]
        )
    if found := _COMPOUND.fullmatch(name):
        method = next(label for key, label in _METHODS.items() if key in name[len(found["module"]) :])
        return FactorName(method, found["module"])
    return None
