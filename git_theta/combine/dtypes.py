"""Dtypes of models that differ: inputs are widened, which loses nothing, and results are rounded once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from blake3 import blake3

from git_theta.combine.model import Model
from git_theta.merging.dtypes import OURS, WIDEST, convert, wider
from git_theta.merging.outcome import ParameterPlan
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Pieces
from git_theta.updates.rounding import ARITHMETIC


def mixed(models: Iterable[Model], same: Callable[[str], str] = str) -> dict[str, str]:
    """Name → the wider dtype, of each parameter that is of several float dtypes.

    Args:
        models: The models.
        same: Gives parameters that may be combined one name; by default those that have one.
    """
    dtypes: dict[str, set[str]] = {}
    keys: dict[str, str] = {}
    for model in models:
        for entry in model.manifest.entries:
            keys[entry.name] = key = same(entry.name)
            dtypes.setdefault(key, set()).add(entry.spec.dtype)
    several = {key for key, found in dtypes.items() if len(found) > 1 and found <= set(ARITHMETIC)}
    return {name: wider(dtypes[key]) for name, key in keys.items() if key in several}


def widened(model: Model, dtypes: Mapping[str, str]) -> Model:
    """A model with some parameters in wider dtypes.

    Args:
        model: The model.
        dtypes: Name → dtype; a parameter that has it already, or isn't there, stays as it is.
    """
    chosen = {
        entry.name: entry
        for entry in model.manifest.entries
        if dtypes.get(entry.name, entry.spec.dtype) != entry.spec.dtype
    }
    if not chosen:
        return model
    model.prepare(chosen.values())
    origins: dict[str, tuple[Entry, str]] = {}
    entries = []
    for entry in model.manifest.entries:
        if entry.name in chosen:
            dtype = dtypes[entry.name]
            hasher = blake3()
            for piece in convert(_input(model, entry), entry.spec, dtype):
                hasher.update(piece)
            origins[hasher.hexdigest()] = entry, dtype
            entries.append(
                replace(entry, spec=TensorSpec(dtype, entry.spec.shape), digest=hasher.hexdigest())
            )
        else:
            entries.append(entry)

    def read(entry: Entry) -> Pieces:
        if entry.digest not in origins:
            return model.read(entry)
        origin, dtype = origins[entry.digest]
        return convert(_input(model, origin), origin.spec, dtype)

    def prepare(wanted: Iterable[Entry]) -> int:
        return model.prepare(origins[e.digest][0] if e.digest in origins else e for e in wanted)

    manifest = replace(model.manifest, entries=tuple(entries))
    return replace(model, manifest=manifest, read=read, prepare=prepare)


def _input(model: Model, entry: Entry) -> Input:
    return lambda _nbytes: model.read(entry)


def result_specs(plans: Iterable[ParameterPlan], first: Manifest, dtype: str) -> dict[str, TensorSpec]:
    """Dtype and shape of all parameters of the result; see `result_spec`.

    Args:
        plans: The parameters.
        first: The first model as it is.
        dtype: The dtype that the user wants, or `widest` or `ours`.
    """
    known = {entry.name: entry.spec for entry in first.entries}
    return {plan.name: result_spec(plan.spec, known.get(plan.name), dtype) for plan in plans if plan.spec}


def keeps_dtypes(plans: Iterable[ParameterPlan], specs: Mapping[str, TensorSpec]) -> bool:
    """Whether all parameters of the result have the dtype and shape that they have in a model."""
    return all(not plan.likely or specs[plan.name] == plan.likely.spec for plan in plans)


def dtype_notes(wide: Mapping[str, str], dtype: str) -> tuple[str, ...]:
    """Remarks for the user about parameters of several dtypes; empty if a dtype was chosen.

    Args:
        wide: Name → dtype, of parameters that were widened.
        dtype: The dtype that the user wants, or `widest` or `ours`.
    """
    if not wide or dtype != WIDEST:
        return ()
    dtypes = ", ".join(sorted(set(wide.values())))
    count = f"{len(wide)} parameters have" if len(wide) > 1 else "a parameter has"
    return (f"{count} another dtype in some models: the wider is taken, {dtypes} (dtype chooses another)",)


def result_spec(spec: TensorSpec, first: TensorSpec | None, dtype: str) -> TensorSpec:
    """Dtype and shape of a parameter of the result.

    Args:
        spec: Dtype and shape in which it's combined.
        first: Those in the first model; `None` if the parameter isn't there.
        dtype: The dtype that the user wants, or `widest` or `ours`.
    """
    if spec.dtype not in ARITHMETIC or dtype == WIDEST:
        return spec
    if dtype != OURS:
        return TensorSpec(dtype, spec.shape)
    return TensorSpec(first.dtype, spec.shape) if first and first.dtype in ARITHMETIC else spec
