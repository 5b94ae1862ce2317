"""Names of modules, told by the names of their parameters: `encoder.0.query.weight` → `encoder.0.query`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from git_theta.formats.split import STRETCH
from git_theta.model.quantized_weights import quantized_weights
from git_theta.model.tensor import TensorSpec

#: Ends of names by which libraries call the parameters of one module. A parameter with another name, such as
#: `cls_token`, is a module of its own.
_USUAL: Final = re.compile(
    r"(?:(?:(?:in|[qkv])_proj_|recurrent_|depthwise_|pointwise_)?(?:weight|bias|kernel)(?:_(?:g|v|u|orig|mask|bar"
    r"|[hi][hr]_l\d{1,4}(?:_reverse)?))?|bias_[kv]|gamma|beta|(?:running|moving)_(?:mean|var|variance)"
    r"|num_batches_tracked|mean|var|scale|offset|embeddings?|[wb])\Z"
)

#: What TensorFlow's checkpoints put after the name of each variable.
_VARIABLE: Final = "/.ATTRIBUTES/VARIABLE_VALUE"

#: Beginnings of names of what a trainer keeps beside the model.
_TRAINER: Final = re.compile(
    r"(?:optimizers?|optimizer_states?|optimizer_state_dict|optim|opt_state|lr_schedulers?|scheduler|scaler"
    r"|rng_states?|loops|callbacks)[./]"
)


@dataclass(frozen=True, slots=True)
class ModuleParameter:
    """A parameter of a module.

    Attributes:
        name: Its name within the module; empty if it's a module itself.
        shape: Its shape; of a quantised weight, that of the numbers that its codes stand for, if it's known.
        tensors: Names of the tensors that it's stored as: several for a quantised weight, the codes first.
    """

    name: str
    shape: tuple[int, ...]
    tensors: tuple[str, ...]


def module_parameters(specs: Mapping[str, TensorSpec]) -> dict[str, list[ModuleParameter]]:
    """Name → parameters of each module. State of optimizers, and bytes between tensors, are in none.

    Args:
        specs: Name → dtype and shape of each tensor.
    """
    weights = quantized_weights(specs)
    found: dict[str, list[ModuleParameter]] = {}
    taken: set[str] = set()
    for weight in weights:
        if belongs_to_model(weight.name):
            taken.update(weight.members)
            module, name = split_name(weight.name)
            shape = weight.shape or specs[weight.members[0]].shape
            found.setdefault(module, []).append(ModuleParameter(name, shape, weight.members))
    for tensor, spec in specs.items():
        if tensor not in taken and belongs_to_model(tensor):
            module, name = split_name(tensor)
            found.setdefault(module, []).append(ModuleParameter(name, spec.shape, (tensor,)))
    return found


def belongs_to_model(name: str) -> bool:
    """Whether a tensor is one of the model, rather than of an optimizer or of other state of a trainer."""
    return not name.startswith(STRETCH) and not _TRAINER.match(name)


def split_name(name: str) -> tuple[str, str]:
    """The name of a parameter's module, and the parameter's name within it; empty if it's a module itself."""
    name = name.removesuffix(_VARIABLE)
    at = max(name.rfind("."), name.rfind("/"))
    last = name[at + 1 :]
    return (name[: max(at, 0)], last) if _USUAL.match(last) else (name, "")
