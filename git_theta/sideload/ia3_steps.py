"""IA3 adapters: vectors that a module's inputs or outputs are multiplied by."""

from __future__ import annotations

from git_theta.adapters.module_patterns import is_whole
from git_theta.errors import UsageError
from git_theta.sideload.adapted_model import AdaptedModel
from git_theta.sideload.adapter_settings import HINT
from git_theta.sideload.given_update import GivenUpdate
from git_theta.updates.array import Array
from git_theta.updates.ia3 import Ia3


def ia3_steps(model: AdaptedModel, module: str, vector: Array) -> dict[str, tuple[GivenUpdate, ...]]:
    """The updates of a module's weight and bias that its vector amounts to, by their names.

    Raises:
        UsageError: The checkpoint has no such module, or the vector doesn't fit it.
    """
    target = model.names.get(f"{module}.weight")
    spec, count = model.specs[target], vector.spec.count
    inputs = _is_feedforward(model, module)
    shape = vector.spec.shape
    if len(shape) == 2 and len(spec.shape) == 2:
        # Inputs by outputs: the other dimension. As for LoRA, a shape with one possible orientation decides.
        flip = model.flipped if spec.shape[0] == spec.shape[1] else count != spec.shape[int(inputs)]
        dimension = int(inputs != flip)
    else:
        dimension = int(inputs)
    if len(spec.shape) < 2 or len(shape) != len(spec.shape) or count != spec.shape[dimension]:
        raise UsageError(
            f"the adapter's vector of {module!r} has shape {list(shape)}, "
            f"which doesn't fit the parameter's {list(spec.shape)}",
            HINT,
        )
    broadcast = [1] * len(spec.shape)
    broadcast[dimension] = count
    found: dict[str, tuple[GivenUpdate, ...]] = {
        target: (GivenUpdate(Ia3(), {"ia3": vector.reshaped(*broadcast)}),)
    }
    bias = None if inputs else model.bias(target)
    if bias is not None and model.specs[bias].count == count:
        found[bias] = (GivenUpdate(Ia3(), {"ia3": vector.reshaped(*model.specs[bias].shape)}),)
    return found


def _is_feedforward(model: AdaptedModel, module: str) -> bool:
    """Whether a module's inputs are scaled rather than its outputs."""
    listed = model.config.get("feedforward_modules") or []
    if isinstance(listed, str):
        return is_whole(listed, module)
    if not isinstance(listed, list):
        raise UsageError(f"the adapter has feedforward_modules {listed!r:.80}, which is no list of names")
    return any(module.endswith(str(name)) for name in listed)
