"""Adapters of PEFT and of other tools: the side-loaded updates that merging a saved one amounts to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from git_theta.adapters.factor_names import CONFIG, PREFIX, factor_name
from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.sideload.adapted_model import AdaptedModel
from git_theta.sideload.adapter_settings import HINT, check_mergeable, read_adapter_settings
from git_theta.sideload.expert_steps import expert_steps, targeted_parameters
from git_theta.sideload.given_update import GivenUpdate
from git_theta.sideload.ia3_steps import ia3_steps
from git_theta.sideload.lora_steps import check_orientations, lora_steps
from git_theta.sideload.names import Names
from git_theta.sideload.other_lora import is_other_lora, other_part, other_steps
from git_theta.sideload.token_rows import TokenRows, trained_tokens
from git_theta.sideload.update_data import read_tensors
from git_theta.updates.array import Array
from git_theta.updates.dense import Dense

_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")

# Older versions of PEFT wrote the adapter's own name into keys.
_LORA = re.compile(
    r"(?P<module>.+)\.(?P<part>lora_[AB]|lora_embedding_[AB]|lora_magnitude_vector)"
    r"(?:\.(?!weight$|bias$)\w+)?(?:\.(?P<kind>weight|bias))?"
)
_IA3 = re.compile(r"(?P<module>.+)\.ia3_l(?:\.\w+)?")
_TOKENS = re.compile(r"(?P<module>.+)\.token_adapter\.trainable_tokens_delta(?:\.\w+)?")
_SAVED = ".modules_to_save."
_WRAPPED = ".base_layer"

#: Parts of tensor names of variants that can't be merged.
_UNSUPPORTED = re.compile(r"\.(lora_|ia3_|token_adapter\.|original_module\.)")

#: Names of a module, as they are in the adapter → its tensors by part.
_Modules = dict[str, dict[str, Array]]


def is_adapter(path: Path, kind: str, scale: float | None = None) -> bool:
    """Whether a path is a folder that PEFT saved an adapter in, its file, or a LoRA of another tool.

    Args:
        path: The folder or file.
        kind: Name of the update that the user asked for; a file of factors alone is one for `low-rank`.
        scale: The factor of products that the user gave: with that, PEFT's factors need no settings.
    """
    if path.is_dir():
        return (path / CONFIG).exists()
    if (path.parent / CONFIG).exists() and path.stem.startswith("adapter"):
        return path.is_file()
    if kind != "low-rank" or not path.is_file():
        return False
    names = list(read_tensors(path))
    return is_other_lora(names) or (scale is not None and any(map(factor_name, names)))


def keeps_ties(path: Path) -> bool:
    """Whether PEFT replaces what is tied together with an adapter: by its setting `ensure_weight_tying`.

    Args:
        path: A path for which `is_adapter` holds.

    Raises:
        UsageError: The settings can't be read.
    """
    config = _folder(path) / CONFIG
    return config.exists() and bool(read_adapter_settings(config).get("ensure_weight_tying"))


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
    settings = _folder(path) / CONFIG
    config = read_adapter_settings(settings) if settings.exists() else {}
    if config:
        check_mergeable(config, kind)
    if scale is not None and kind != "low-rank":
        raise UsageError(f"--scale is for the factors of a LoRA, not for {kind}")
    model = AdaptedModel(config, Names(specs), specs, 1.0 if scale is None else scale)
    weights = _weights(path) if path.is_dir() else path
    found = _steps(model, read_tensors(weights), kind)
    if not found:
        raise UsageError(f"the adapter {weights} has no tensors")
    return found


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _weights(folder: Path) -> Path:
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"{folder} has no {' or '.join(_WEIGHTS)}")


def _steps(
    model: AdaptedModel, tensors: Mapping[str, Array], kind: str
) -> dict[str, tuple[GivenUpdate, ...]]:
    """The updates of each parameter: what replaces it first, as PEFT saves adapted embeddings as a whole."""
    found: dict[str, tuple[GivenUpdate, ...]] = {}
    factors: _Modules = {}
    foreign: _Modules = {}

    def add(steps: Mapping[str, tuple[GivenUpdate, ...]]) -> None:
        for target, more in steps.items():
            if target in found and not isinstance(found[target][-1].update, Dense):
                raise UsageError(f"the adapter has several updates of {target!r}", HINT)
            found[target] = (*found.get(target, ()), *more)

    others: list[dict[str, tuple[GivenUpdate, ...]]] = []
    for name, array in tensors.items():
        key = name.removeprefix(PREFIX)
        lora, vector, tokens = (pattern.fullmatch(key) for pattern in (_LORA, _IA3, _TOKENS))
        if lora and kind == "low-rank":
            part = f"{lora['part']}.{lora['kind']}" if lora["part"] in ("lora_A", "lora_B") else lora["part"]
            if factors.setdefault(lora["module"], {}).setdefault(part, array) is not array:
                raise UsageError(f"the adapter has several tensors for {lora['module']}.{part}", HINT)
        elif (other := other_part(key)) and kind == "low-rank" and not model.config:
            foreign.setdefault(other[0], {})[other[1]] = array
        elif vector and kind == "ia3":
            others.append(ia3_steps(model, _unwrapped(vector["module"]), array))
        elif tokens:
            module = _unwrapped(tokens["module"])
            rows = TokenRows(trained_tokens(model.config, module))
            others.append({model.names.get(f"{module}.weight"): (GivenUpdate(rows, {"rows": array}),)})
        elif _UNSUPPORTED.search(key):
            raise UsageError(f"the adapter has {name!r}, which git-theta can't merge", HINT)
        else:
            add({_replaced(model, key): (GivenUpdate(Dense(), {"": array}),)})
    for steps in (*others, *_factor_steps(model, factors), *other_steps(model, foreign)):
        add(steps)
    return found


def _factor_steps(model: AdaptedModel, factors: _Modules) -> list[dict[str, tuple[GivenUpdate, ...]]]:
    """The updates of each module that has factors; of one with several adapted parameters, of all of them."""
    nested: dict[str, list[str]] = {}
    for module in factors:
        nested.setdefault(_unwrapped(module), []).append(module)
    steps, plain = [], {}
    for module, names in nested.items():
        targets = targeted_parameters(model, module)
        if targets:
            steps.append(expert_steps(model, module, targets, [factors[name] for name in names]))
        elif len(names) == 1:
            plain[module] = factors[names[0]]
        else:
            raise UsageError(f"the adapter has several LoRAs for {module!r}: {', '.join(names)}", HINT)
    check_orientations(model, plain)
    return [*steps, *(lora_steps(model, module, parts) for module, parts in plain.items())]


def _replaced(model: AdaptedModel, key: str) -> str:
    """Name of the parameter that a fully saved tensor replaces."""
    module, saved, rest = _unwrapped(key).partition(_SAVED)
    if saved:
        # The adapter's own name may come next.
        shorter = f"{module}.{rest.partition('.')[2]}"
        return model.names.find(f"{module}.{rest}") or model.names.get(shorter)
    return model.names.get(module)


def _unwrapped(name: str) -> str:
    """A name without the wrappers of PEFT around a module."""
    return name.replace(f"{_WRAPPED}.", ".").removesuffix(_WRAPPED)
