"""Names of modules, told by the names of their parameters: `encoder.0.query.weight` → `encoder.0.query`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from git_theta.formats.split import STRETCH
from git_theta.model.quantized_weights import quantized_weights
from git_theta.model.tensor import TensorSpec

#: Last parts of names, by which libraries call the parameters of one module. A parameter with another name,
#: such as `cls_token`, is a module of its own.
_USUAL_NAMES: Final = """
    weight bias kernel w b gamma beta scale offset mean var embedding embeddings running_mean running_var
    moving_mean moving_variance num_batches_tracked weight_g weight_v weight_u weight_orig weight_mask bias_k
    bias_v in_proj_weight in_proj_bias q_proj_weight k_proj_weight v_proj_weight recurrent_weight
    recurrent_kernel recurrent_bias depthwise_kernel pointwise_kernel
"""
_USUAL: Final = frozenset(_USUAL_NAMES.split())

#: How the names of PyTorch's recurrent layers begin: `weight_hh_l0_reverse`.
_RECURRENT: Final = ("weight_ih_l", "weight_hh_l", "weight_hr_l", "bias_ih_l", "bias_hh_l")

#: What TensorFlow's checkpoints put after the name of each variable.
_VARIABLE: Final = "/.ATTRIBUTES/VARIABLE_VALUE"

#: First parts of names of what a trainer keeps beside the model.
_TRAINER_NAMES: Final = """
    optimizer optimizers optimizer_state optimizer_states optimizer_state_dict optim opt_state lr_scheduler
    lr_schedulers scheduler scaler rng_state rng_states loops callbacks
"""
_TRAINER: Final = frozenset(_TRAINER_NAMES.split())


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
    first = name.partition(".")[0].partition("/")[0]
    return not name.startswith(STRETCH) and (first == name or first not in _TRAINER)


def split_name(name: str) -> tuple[str, str]:
    """The name of a parameter's module, and the parameter's name within it; empty if it's a module itself."""
    name = name.removesuffix(_VARIABLE)
    at = max(name.rfind("."), name.rfind("/"))
    last = name[at + 1 :]
    is_usual = last in _USUAL or last.startswith(_RECURRENT)
    return (name[: max(at, 0)], last) if is_usual else (name, "")
