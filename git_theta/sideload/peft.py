"""PEFT adapters: the side-loaded updates that merging a saved adapter amounts to."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from git_theta.adapters.factor_names import CONFIG, PREFIX, factor_name
from git_theta.adapters.lora_settings import lora_settings
from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.sideload.given_update import GivenUpdate
from git_theta.sideload.names import Names
from git_theta.sideload.update_data import read_tensors
from git_theta.updates.array import Array
from git_theta.updates.dense import Dense
from git_theta.updates.ia3 import Ia3
from git_theta.updates.low_rank import LowRank
from git_theta.updates.sparse import Sparse
from git_theta.updates.sparse_given import every_element

_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")

#: Name of the update by the adapter's `peft_type`.
_KINDS = {"LORA": "low-rank", "IA3": "ia3"}

#: Settings under which merging is more than adding a product.
_VARIANTS = (
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "target_parameters",
    "layer_replication",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
)

#: Initialisations that leave the base as it is. Others subtract from it, so that the trained adapter belongs
#: to another base than the checkpoint.
_KEEPS_BASE = (None, True, False, "gaussian", "orthogonal", "eva")

# Older versions of PEFT wrote the adapter's own name into keys.
_LORA = re.compile(r"(?P<module>.+)\.lora_(?P<part>A|B)(?:\.(?!weight$|bias$)\w+)?\.(?P<what>weight|bias)")
_LORA_EMBEDDING = re.compile(r"(?P<module>.+)\.lora_embedding_(?P<part>A|B)(?:\.\w+)?")
_IA3 = re.compile(r"(?P<module>.+)\.ia3_l(?:\.\w+)?")
_SAVED = ".modules_to_save."

#: Parts of tensor names of variants that can't be merged.
_UNSUPPORTED = re.compile(r"\.(lora_|ia3_|token_adapter\.|original_module\.)")


@dataclass(frozen=True, slots=True)
class _Adapter:
    """An adapter's settings, a factor of its products, and names and types of the checkpoint's parameters."""

    config: Mapping[str, Any]
    names: Names
    specs: Mapping[str, TensorSpec]
    factor: float = 1.0

    def scale(self, module: str, rank: int) -> float:
        """The factor of the product of a module's factors; without settings, just the factor given.

        Raises:
            UsageError: The factors have another rank than the settings.
        """
        if not self.config:
            return self.factor
        return lora_settings(self.config).scale(module, rank) * self.factor

    @property
    def flipped(self) -> bool:
        """Whether weights have the shape inputs by outputs."""
        return bool(self.config.get("fan_in_fan_out"))

    def is_feedforward(self, module: str) -> bool:
        """Whether IA3 scales a module's inputs rather than its outputs."""
        listed = self.config.get("feedforward_modules") or ()
        if isinstance(listed, str):
            return _matches(rf"(?:{listed})\Z", module)
        return any(module.endswith(str(name)) for name in listed)


def is_adapter(path: Path, scale: float | None = None) -> bool:
    """Whether a path is a folder that PEFT saved an adapter in, or the adapter's file.

    Args:
        path: The folder or file.
        scale: The factor of products that the user gave: with that, a file of factors needs no settings.
    """
    if path.is_dir():
        return (path / CONFIG).is_file()
    if (path.parent / CONFIG).is_file() and path.stem.startswith("adapter"):
        return path.is_file()
    return scale is not None and any(map(factor_name, read_tensors(path)))


def keeps_ties(path: Path) -> bool:
    """Whether PEFT replaces what is tied together with an adapter: by its setting `ensure_weight_tying`.

    Args:
        path: A path for which `is_adapter` holds.

    Raises:
        UsageError: The settings can't be read.
    """
    config = (path if path.is_dir() else path.parent) / CONFIG
    return config.is_file() and bool(_settings(config).get("ensure_weight_tying"))


def read_adapter(
    path: Path, kind: str, specs: Mapping[str, TensorSpec], scale: float | None = None
) -> dict[str, tuple[GivenUpdate, ...]]:
    """The updates of each parameter that merging an adapter amounts to, in their order.

    Args:
        path: A folder with `adapter_config.json` and `adapter_model.safetensors` or `adapter_model.bin`, or
            a file of tensors beside such settings, or without any if there's a scale.
        kind: Name of the update that the user asked for.
        specs: Dtypes and shapes of the checkpoint's parameters.
        scale: A factor for the products of a LoRA, besides that of its settings; `None` for 1.

    Raises:
        UsageError: The path has no such adapter, or one that doesn't fit the checkpoint.
    """
    folder = path if path.is_dir() else path.parent
    config = _config(folder, kind) if (folder / CONFIG).is_file() else {}
    if scale is not None and kind != "low-rank":
        raise UsageError(f"--scale is for the factors of a LoRA, not for {kind}")
    adapter = _Adapter(config, Names(specs), specs, 1.0 if scale is None else scale)
    weights = _weights(path) if path.is_dir() else path
    found: dict[str, tuple[GivenUpdate, ...]] = {}
    factors: dict[str, dict[str, Array]] = {}
    for name, array in read_tensors(weights).items():
        key = name.removeprefix(PREFIX)
        lora = _LORA.fullmatch(key)
        embedding = _LORA_EMBEDDING.fullmatch(key)
        vector = _IA3.fullmatch(key)
        if lora and kind == "low-rank":
            factors.setdefault(_module(lora), {})[lora["part"] + lora["what"]] = array
        elif embedding and kind == "low-rank":
            factors.setdefault(_module(embedding), {})[f"embedding {embedding['part']}"] = array
        elif vector and kind == "ia3":
            found.update(_ia3(adapter, _module(vector), array))
        elif _UNSUPPORTED.search(key):
            raise UsageError(f"the adapter has {name!r}, which git-theta can't merge", _HINT)
        else:
            found[_replaced(adapter, key)] = (GivenUpdate(Dense(), {"": array}),)
    for module, parts in factors.items():
        for target, step in _lora(adapter, module, parts).items():
            # PEFT saves adapted embeddings along with their factors.
            found[target] = (*found.get(target, ()), step)
    if not found:
        raise UsageError(f"the adapter {weights} has no tensors")
    return found


def _weights(folder: Path) -> Path:
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"{folder} has no {' or '.join(_WEIGHTS)}")


_HINT = "merge it with PEFT, save the model over the file, and use plain `git add`"


def _config(folder: Path, kind: str) -> dict[str, Any]:
    config = _settings(folder / CONFIG)
    found = _KINDS.get(str(config.get("peft_type")))
    if found is None:
        raise UsageError(f"the adapter is of type {config.get('peft_type')!r}, not LORA or IA3", _HINT)
    if found != kind:
        raise UsageError(f"the adapter is of type {config['peft_type']}", f"use --update-type {found}")
    variants = [name for name in _VARIANTS if config.get(name)]
    if variants:
        raise UsageError(f"the adapter uses {', '.join(variants)}, which git-theta can't merge", _HINT)
    start = config.get("init_lora_weights")
    if start not in _KEEPS_BASE:
        raise UsageError(f"the adapter was initialised by {start!r}, which changes the base", _HINT)
    return config


def _settings(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    if not isinstance(config, dict):
        raise UsageError(f"{path} isn't a map of settings")
    return config


def _replaced(adapter: _Adapter, key: str) -> str:
    """Name of the parameter that a fully saved tensor replaces."""
    module, saved, rest = key.replace(".base_layer.", ".").partition(_SAVED)
    if saved:
        # The adapter's own name may come next.
        shorter = f"{module}.{rest.partition('.')[2]}"
        return adapter.names.find(f"{module}.{rest}") or adapter.names.get(shorter)
    return adapter.names.get(module)


def _bias(target: str, specs: Mapping[str, TensorSpec]) -> str | None:
    """Name of the bias of a weight's module; `None` if the checkpoint has none."""
    name = f"{target.removesuffix('weight')}bias"
    return name if name in specs else None


def _module(match: re.Match[str]) -> str:
    return match["module"].replace(".base_layer", "")


def _matches(pattern: str, module: str) -> bool:
    try:
        return re.match(pattern, module) is not None
    except re.error as error:
        raise UsageError(f"the adapter's {CONFIG} has a pattern that isn't one: {error}") from error


def _lora(adapter: _Adapter, module: str, parts: Mapping[str, Array]) -> dict[str, GivenUpdate]:
    if {"embedding A", "embedding B"} == parts.keys():
        down, up, flipped = parts["embedding A"], parts["embedding B"], True
    elif {"Aweight", "Bweight"} <= parts.keys() and not {"Abias"} & parts.keys():
        down, up, flipped = parts["Aweight"], parts["Bweight"], adapter.flipped
    else:
        lacking = "B" if any("A" in part for part in parts) else "A"
        raise UsageError(f"the adapter's factors of {module!r} aren't a pair: it lacks lora_{lacking}")
    target = adapter.names.get(f"{module}.weight")
    if min(len(down.spec.shape), len(up.spec.shape)) < 2 or 0 in down.spec.shape + up.spec.shape:
        raise UsageError(f"the adapter's factors of {module!r} have shapes that aren't those of matrices")
    scale = adapter.scale(module, down.spec.shape[0])
    found: dict[str, GivenUpdate] = {
        target: _product(down, up, scale, flipped, adapter.specs[target], module)
    }
    if "Bbias" in parts:
        bias = _bias(target, adapter.specs)
        numbers = parts["Bbias"].numbers().reshape(-1) * scale
        if bias is None or adapter.specs[bias].count != len(numbers):
            raise UsageError(f"the adapter has a bias for {module!r}, and the checkpoint hasn't", _HINT)
        found[bias] = GivenUpdate(Sparse(), every_element(numbers, parts["Bbias"].name, adapter.specs[bias]))
    return found


def _product(
    down: Array, up: Array, scale: float, flipped: bool, spec: TensorSpec, module: str
) -> GivenUpdate:
    """The factors of `up @ down` in the orientation that the parameter has.

    A convolution's kernel is a matrix by its outputs, if `up` is a convolution of kernel size 1.
    """
    dtype = down.spec.dtype if down.spec.dtype == up.spec.dtype else "F64"
    down, up = (array.as_dtype(dtype) for array in (down, up))
    outs, rank, *ones = up.spec.shape
    _, *ins = down.spec.shape
    if down.spec.shape[0] == rank and set(ones) <= {1}:
        straight, across = (outs, *ins), (*ins, outs)
        up, down = up.reshaped(outs, rank), down.reshaped(rank, math.prod(ins))
        # PEFT ignores a wrong `fan_in_fan_out` for a module whose shape fits in one orientation only.
        if spec.shape == straight and not (flipped and straight == across):
            return GivenUpdate(LowRank(scale), {"R": up, "C": down})
        if spec.shape == across and len(ins) == 1:
            return GivenUpdate(LowRank(scale), {"R": down.transposed(), "C": up.transposed()})
    raise UsageError(
        f"the adapter's factors of {module!r} have shapes {list(down.spec.shape)} and {list(up.spec.shape)}, "
        f"which don't fit the parameter's {list(spec.shape)}",
        _HINT,
    )


def _ia3(adapter: _Adapter, module: str, vector: Array) -> dict[str, tuple[GivenUpdate, ...]]:
    target = adapter.names.get(f"{module}.weight")
    spec, count = adapter.specs[target], vector.spec.count
    inputs = adapter.is_feedforward(module)
    shape = vector.spec.shape
    if len(shape) == 2 and len(spec.shape) == 2:
        # Inputs by outputs: the other dimension. As for LoRA, a shape with one possible orientation decides.
        flip = adapter.flipped if spec.shape[0] == spec.shape[1] else count != spec.shape[int(inputs)]
        dimension = int(inputs != flip)
    else:
        dimension = int(inputs)
    if len(spec.shape) < 2 or len(shape) != len(spec.shape) or count != spec.shape[dimension]:
        raise UsageError(
            f"the adapter's vector of {module!r} has shape {list(shape)}, "
            f"which doesn't fit the parameter's {list(spec.shape)}",
            _HINT,
        )
    broadcast = [1] * len(spec.shape)
    broadcast[dimension] = count
    found: dict[str, tuple[GivenUpdate, ...]] = {
        target: (GivenUpdate(Ia3(), {"ia3": vector.reshaped(*broadcast)}),)
    }
    bias = None if inputs else _bias(target, adapter.specs)
    if bias is not None and adapter.specs[bias].count == count:
        found[bias] = (GivenUpdate(Ia3(), {"ia3": vector.reshaped(*adapter.specs[bias].shape)}),)
    return found
