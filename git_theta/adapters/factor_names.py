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

#: Other parts of a LoRA: the bias of `up`, DoRA's magnitudes, the numerator of the scale, and the singular
#: values of AdaLoRA, between the factors.
BIAS: Final = "bias"
MAGNITUDE: Final = "magnitude"
ALPHA: Final = "alpha"
DIAGONAL: Final = "diagonal"

_PARTS: Final = {
    **dict.fromkeys(("A", "embedding_A", "down"), DOWN),
    **dict.fromkeys(("B", "embedding_B", "up"), UP),
    **dict.fromkeys(("magnitude_vector", "dora_scale"), MAGNITUDE),
    "alpha": ALPHA,
    "E": DIAGONAL,
}

#: PEFT's names: `MODULE.lora_A.weight`, with the adapter's own name before `weight` where PEFT didn't save.
_PEFT = re.compile(
    r"(?P<module>.+)[./]lora_(?P<part>A|B|E|embedding_A|embedding_B|magnitude_vector)"
    r"(?P<adapter>(?:[./](?!weight$|bias$)\w+)*)(?:[./](?P<what>weight|bias))?"
)

#: Names of kohya's scripts and of diffusers: `MODULE.lora_down.weight`, `MODULE.lora.down.weight`.
_OTHERS = re.compile(
    r"(?P<module>.+?)(?P<adapter>[./]lora_|[._/]lora[./]|[./]lora_linear_layer[./])(?P<part>down|up)[./]weight"
    r"|(?P<beside>.+)[./](?P<number>alpha|dora_scale)"
)

#: Method → its tensors, where several make one change of a weight that isn't the product of two matrices.
_COMPOUND: Final = {
    "LoHa": r"hada_(?:w[12]_[ab]|t[12])",
    "LoKr": r"lokr_(?:w[12](?:_[ab])?|t2)",
    "VeRA": r"p?vera_lambda_[bd]",
    "AdaMSS": r"adamss_[AB]",
    "BOFT": r"boft_[Rs]",
    "DEFT": r"deft_[PR]",
    "DeLoRA": r"delora_(?:A|B|lambda)",
    "FRoD": r"frod_(?:V|lambda_\w+)",
    "GLoRA": r"glora_[A-E]",
    "GraLoRA": r"gralora_[AB](?:_general)?",
    "HiRA": r"hira_(?:embedding_)?[AB]",
    "Lily": r"lily_(?:A|B|router)",
    "OSF": r"_?osf_[USV]\w*",
    "Poly": r"poly_lora_[AB]",
    "PSOFT": r"psoft_(?:[ABR]|alpha|beta|mag_[ab])",
    "RandLoRA": r"randlora_(?:lambda|gamma)",
    "RoAd": r"road_(?:theta|alpha)",
    "VB-LoRA": r"vblora_logits_[AB]",
}
_COMPOUND_NAMES = {
    method: re.compile(rf"(?P<module>.+)[./](?:{parts})(?:[./]\w+)*") for method, parts in _COMPOUND.items()
}

_MARK = re.compile(
    r"lora|hada_|lokr_|vera_|[./]alpha$|dora_scale|adamss_|boft_|deft_|frod_|hira_|lily_|osf_|psoft_|road_"
)

#: The names of an adapted model begin with this in PEFT's files.
PREFIX: Final = "base_model.model."


@dataclass(frozen=True, slots=True)
class FactorName:
    """The place of a tensor in an adapter.

    Attributes:
        method: The kind of adapter: `LoRA`, `LoHa`, `LoKr`, `VeRA`, …
        module: Name of the adapted module, as it begins the tensor's name.
        adapter: The adapter's own name among several of one module; empty if names don't have it.
        part: `DOWN`, `UP`, `BIAS`, `MAGNITUDE`, `ALPHA` or `DIAGONAL` of a LoRA; empty for other methods.
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
    for method, pattern in _COMPOUND_NAMES.items():
        if found := pattern.fullmatch(name):
            return FactorName(method, found["module"])
    return None
