"""LoRA adapters of parameters (PEFT's `target_parameters`), such as the stacked weights of experts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.sideload.adapted_model import AdaptedModel
from git_theta.sideload.adapter_settings import HINT
from git_theta.sideload.given_update import GivenUpdate
from git_theta.sideload.lora_steps import DOWN, UP, Factors, factors_of
from git_theta.updates.array import Array
from git_theta.updates.low_rank import LowRank

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Parameters of one module that are told apart by the shapes of their factors, at most.
_MOST = 6


@dataclass(frozen=True, slots=True)
class _Fit:
    """Factors that fit a parameter.

    Attributes:
        factors: The factors, of all matrices of a stack.
        target: Name of the parameter.
        spec: Its dtype and shape.
        stacked: Whether it's a stack of matrices.
        flipped: Whether a matrix is inputs by outputs, rather than outputs by inputs.
    """

    factors: Factors
    target: str
    spec: TensorSpec
    stacked: bool
    flipped: bool


def targeted_parameters(model: AdaptedModel, module: str) -> list[str]:
    """Names of a module's parameters that `target_parameters` has.

    Raises:
        UsageError: The setting isn't a list of names.
    """
    wanted = model.config.get("target_parameters") or []
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise UsageError(f"the adapter has target_parameters {wanted!r:.80}, which is no list of names")
    found = []
    for name in wanted:
        own = f"{module}.{name.rpartition('.')[2]}"
        target = model.names.find(own) if own == name or own.endswith(f".{name}") else None
        if target is not None and target not in found:
            found.append(target)
    return found


def expert_steps(
    model: AdaptedModel, module: str, targets: Sequence[str], pairs: Sequence[Mapping[str, Array]]
) -> dict[str, tuple[GivenUpdate, ...]]:
    """The updates of a module's parameters that its factors amount to, by their names.

    PEFT doesn't save which factors are for which parameter, nor how these are oriented: the shapes decide.

    Args:
        model: The settings and the checkpoint.
        module: Name of the module.
        targets: Names of the parameters.
        pairs: The factors of each, in any order.

    Raises:
        UsageError: The factors don't fit, or fit in several ways.
    """
    if any(pair.keys() != {DOWN, UP} for pair in pairs):
        raise UsageError(f"the adapter's factors of {module!r} aren't pairs of {DOWN} and {UP}")
    if len(pairs) != len(targets) or len(pairs) > _MOST:
        raise UsageError(
            f"the adapter has {len(pairs)} pairs of factors for {module!r}, whose target_parameters are "
            f"{', '.join(targets)}",
            HINT,
        )
    factors = [factors_of(module, pair[DOWN], pair[UP]) for pair in pairs]
    ways = [way for order in permutations(targets) for way in _ways(model, factors, order)]
    if len(ways) != 1:
        problem = "fit in several ways: their shapes don't tell" if ways else "don't fit the shapes of"
        raise UsageError(f"the adapter's factors of {module!r} {problem} {', '.join(targets)}", HINT)
    return {fit.target: (_step(model, module, fit),) for fit in ways[0]}


def _ways(model: AdaptedModel, factors: Sequence[Factors], targets: Sequence[str]) -> Iterator[list[_Fit]]:
    """The ways in which factors fit parameters in this order: all stacks of a module have one orientation."""
    for flipped in (False, True):
        fits = [
            _fit(each, target, model.specs[target], flipped)
            for each, target in zip(factors, targets, strict=True)
        ]
        found = [fit for fit in fits if fit]
        if len(found) == len(targets) and (not flipped or any(fit.stacked for fit in found)):
            yield found


def _fit(factors: Factors, target: str, spec: TensorSpec, flipped: bool) -> _Fit | None:
    stacked = len(spec.shape) == 3
    if len(spec.shape) not in (2, 3) or len(factors.down.spec.shape) != 2 or len(factors.up.spec.shape) != 2:
        return None
    *leading, first, second = spec.shape
    outs, ins = (second, first) if stacked and flipped else (first, second)
    if factors.rank % (leading[0] if stacked else 1):
        return None
    fits = factors.down.spec.shape == (factors.rank, ins) and factors.up.spec.shape == (outs, factors.rank)
    return _Fit(factors, target, spec, stacked, stacked and flipped) if fits else None


def _step(model: AdaptedModel, module: str, fit: _Fit) -> GivenUpdate:
    count = fit.spec.shape[0] if fit.stacked else 1
    rank = fit.factors.rank // count
    leaf = fit.target.replace("/", ".").rpartition(".")[2]
    scale = model.scale(f"{module}.{leaf}", rank)
    down, up = fit.factors.down, fit.factors.up
    if not fit.stacked:
        return GivenUpdate(LowRank(scale), {"R": up, "C": down})
    # PEFT lays factors out as (experts * rank, inputs) and (outputs, rank * experts).
    downs = _words(down).reshape(count, rank, -1)
    ups = _words(up).reshape(-1, rank, count).transpose(2, 0, 1)
    if fit.flipped:
        left, right = downs.transpose(0, 2, 1), ups.transpose(0, 2, 1)
    else:
        left, right = ups, downs
    return GivenUpdate(LowRank(scale), {"R": _like(up, left), "C": _like(down, right)})


def _words(array: Array) -> NDArray[np.unsignedinteger]:
    import numpy as np

    return np.frombuffer(array.data, f"<u{array.spec.item_size}")


def _like(array: Array, words: NDArray[np.unsignedinteger]) -> Array:
    """The array with other elements."""
    return Array(array.name, TensorSpec(array.spec.dtype, words.shape), memoryview(words.tobytes()))
