"""The file of a combination: the structure of the first model where that has a place for every parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from git_theta.checkpoint_file import read_checkpoint
from git_theta.combine.combination import Structure
from git_theta.combine.model import Model
from git_theta.errors import UsageError
from git_theta.formats.base import ComposeError, FileVersion
from git_theta.formats.compose import compose_file
from git_theta.formats.safetensors.compose import new_safetensors
from git_theta.formats.safetensors.header import read_header, read_metadata
from git_theta.merging.alignment import AlignedVersions
from git_theta.merging.manifest_parts import parameter_entries, structure_entries
from git_theta.merging.outcome import LAYOUT
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.merging.structure import (
    NewStructure,
    StructureConflicts,
    TakenStructure,
    merge_structure,
)
from git_theta.model.layout import parse_layout
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Pieces

#: Conflicts about what isn't a parameter are decided for the first model.
_FIRST = MergeRule("ours", parameters=(LAYOUT,))

_SAFETENSORS = "safetensors"


def merged_structure(
    base: Model | None,
    models: Sequence[Model],
    specs: Mapping[str, TensorSpec],
    rules: MergeRules,
    aligned: AlignedVersions,
) -> tuple[Structure, tuple[str, ...]]:
    """The structure that a merge of the models has, and remarks for the user.

    Args:
        base: The common ancestor.
        models: The models, the first one first.
        specs: Dtype and shape of each parameter of the result.
        rules: The rules of the combination.
        aligned: The models with the names of parameters in the combination.

    Raises:
        UsageError: There's no file of the first model's format with these parameters.
    """
    first = models[0]
    alike = [as_first(model, first) for model in models]
    before = as_first(base, first) if base else None
    owners = {id(model.manifest): model for model in (*alike, *([before] if before else []))}

    def version(manifest: Manifest) -> FileVersion:
        return owners[id(manifest)].version()

    decided = replace(rules, fallback=(*rules.fallback, _FIRST))
    sides = [model.manifest for model in alike]
    views = [
        view if model is own else own.manifest
        for view, model, own in zip(aligned.sides, models, alike, strict=True)
    ]
    found = merge_structure(
        before.manifest if before else None, sides, specs, decided, version, views, aligned.renamed
    )
    if isinstance(found, StructureConflicts):
        return new_structure(models, specs), ()
    if isinstance(found, NewStructure):
        return _composed(found), ()
    index = next(index for index, side in enumerate(sides) if side is found.side)
    return _taken(alike[index], found, aligned.file_names[index])


def new_structure(models: Sequence[Model], specs: Mapping[str, TensorSpec]) -> Structure:
    """A structure for parameters that are in no file with this name, dtype or shape.

    Args:
        models: The models; the first one decides the format.
        specs: Dtype and shape of each parameter of the result.

    Raises:
        UsageError: There's no file of that format with these parameters.
    """
    first = models[0]
    alike = [model for model in models if model.manifest.format == first.manifest.format]
    try:
        composed = compose_file(
            first.manifest.format, None, [model.version() for model in alike], specs, lambda _name: 0
        )
        return Structure(composed.layout, _in_memory(composed.stretches), composed.names)
    except ComposeError as error:
        if first.manifest.format != _SAFETENSORS:
            raise UsageError(
                f"a file of the format {first.manifest.format} can't have these parameters: {error.message}",
                "convert the first model to safetensors, which can",
            ) from error
    metadata = read_metadata(read_header(first.version().skeleton))
    return Structure(read_checkpoint(new_safetensors(specs, metadata)).layout)


def safetensors_structure(specs: Mapping[str, TensorSpec]) -> Structure:
    """A structure of safetensors for the parameters of models of other formats.

    Args:
        specs: Dtype and shape of each parameter of the result.

    Raises:
        UsageError: The header would be too long.
    """
    return Structure(read_checkpoint(new_safetensors(specs, {"format": "pt"})).layout)


def converts(first: Model, *, to_safetensors: bool) -> bool:
    """Whether a file is of another format than the first model."""
    return to_safetensors and first.manifest.format != _SAFETENSORS


def conversion_note(first: Model) -> str:
    """A remark about what a file of safetensors doesn't have."""
    return f"{first.name} is of the format {first.manifest.format}: only tensors are in the new file"


def as_first(model: Model, first: Model) -> Model:
    """A model of another format as if its file had the structure of the first one."""
    if model.manifest.format == first.manifest.format:
        return model
    stretches = structure_entries(first.manifest)[1:]
    entries = sorted((*parameter_entries(model.manifest), *stretches), key=lambda entry: sort_key(entry.name))
    return replace(
        model,
        manifest=replace(first.manifest, entries=tuple(entries)),
        version=first.version,
    )


def _taken(
    model: Model, found: TakenStructure, names: Mapping[str, str]
) -> tuple[Structure, tuple[str, ...]]:
    stretches = {
        entry.name: (entry.spec.nbytes, partial(_read, model, entry))
        for entry in structure_entries(model.manifest)[1:]
    }
    notes = (f"all but the parameters is as in {model.name}; other changes there can't be joined",)
    return Structure(model.version().layout, stretches, names), notes if found.dropped else ()


def _read(model: Model, entry: Entry) -> Pieces:
    model.prepare([entry])
    return model.read(entry)


def _composed(found: NewStructure) -> Structure:
    return Structure(parse_layout(found.layout), _in_memory(found.stretches), found.names)


def _in_memory(stretches: Mapping[str, bytes]) -> dict[str, tuple[int, Callable[[], Pieces]]]:
    def reader(data: bytes) -> Callable[[], Pieces]:
        return lambda: iter((memoryview(data),))

    return {name: (len(data), reader(data)) for name, data in stretches.items()}
