"""The tensors of a merge's result, and those that each is made of: by name, or by slices of layers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from git_theta.combine.mergekit.config import LayerSlice, MergekitConfig, SliceSource
from git_theta.errors import UsageError
from git_theta.merging.layer_positions import in_layer, layer_of, layer_positions
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.model.manifest import Entry, Manifest

#: Names of tensors before the first layer: embeddings, and what makes them. All others are after the last.
_BEFORE = re.compile(
    r"emb(?!ed_out)|wte|wpe|shared|rotary|relative_pe|pre_?norm|norm_?pre|ln_pre|patch_|\Aconv"
)


@dataclass(frozen=True, slots=True)
class SourceTensor:
    """A tensor that a tensor of the result is made of.

    Attributes:
        source: The model.
        name: Its name there.
        entry: The tensor; `None` if the model doesn't have it.
    """

    source: SliceSource
    name: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class ResultTensor:
    """A tensor of the result.

    Attributes:
        name: Its name.
        inputs: The tensors that it's made of, in the order of the slice's sources.
        part: The slice.
        position: Position of its layer in the slice: 0 for the first, 1 for the last or the only one; 0 for
            what is in no layer.
    """

    name: str
    inputs: tuple[SourceTensor, ...]
    part: LayerSlice
    position: float


def result_tensors(config: MergekitConfig, models: Mapping[str, Manifest]) -> Iterator[ResultTensor]:
    """All tensors of the result.

    Args:
        config: The merge.
        models: Name → parameters of each model.

    Raises:
        UsageError: A model doesn't have the layers of a slice, or several lists of layers.
    """
    if config.is_whole:
        yield from _by_name(config.slices[0], models)
        return
    layered = {name: _layered(name, models[name]) for name in config.models}
    offset = 0
    for number, part in enumerate(config.slices):
        yield from _around_layers(part, layered, before=number == 0, after=number == len(config.slices) - 1)
        for index in range(part.length):
            yield from _in_layer(part, layered, index, offset + index)
        offset += part.length


def _by_name(part: LayerSlice, models: Mapping[str, Manifest]) -> Iterator[ResultTensor]:
    tables = [models[source.model].by_name for source in part.sources]
    names = [entry.name for source in part.sources for entry in parameter_entries(models[source.model])]
    for name, position in layer_positions(dict.fromkeys(names)).items():
        inputs = (
            SourceTensor(s, name, table.get(name)) for s, table in zip(part.sources, tables, strict=True)
        )
        yield ResultTensor(name, tuple(inputs), part, position)


def is_before_layers(name: str) -> bool:
    """Whether a tensor in no layer comes before the first one, by its name."""
    return _BEFORE.search(name) is not None


@dataclass(frozen=True, slots=True)
class _Layered:
    """A model by its layers: name in layer 0 → tensor, of each layer; and the tensors in no layer."""

    layers: Mapping[int, Mapping[str, Entry]]
    around: Mapping[str, Entry]


def _layered(model: str, manifest: Manifest) -> _Layered:
    layers: dict[int, dict[str, Entry]] = defaultdict(dict)
    around, lists = {}, set()
    for entry in parameter_entries(manifest):
        found = layer_of(entry.name)
        if found is None:
            around[entry.name] = entry
        else:
            lists.add(found[0])
            layers[found[1]][in_layer(entry.name, 0)] = entry
    if len(lists) != 1:
        listed = ", ".join(f"{name}*" for name in sorted(lists)[:4])
        problem = f"has several lists of layers: {listed}" if lists else "has no layers"
        raise UsageError(f"{model} {problem}", "slices are for models with one list of layers")
    return _Layered(layers, around)


def _around_layers(
    part: LayerSlice, models: Mapping[str, _Layered], *, before: bool, after: bool
) -> Iterator[ResultTensor]:
    """The tensors in no layer: as in mergekit, those before the layers are of the first slice's models."""
    tables = [models[source.model].around for source in part.sources]
    for name in dict.fromkeys(name for table in tables for name in table):
        if before if is_before_layers(name) else after:
            inputs = (SourceTensor(s, name, t.get(name)) for s, t in zip(part.sources, tables, strict=True))
            yield ResultTensor(name, tuple(inputs), part, 0.0)


def _in_layer(
    part: LayerSlice, models: Mapping[str, _Layered], index: int, new: int
) -> Iterator[ResultTensor]:
    """The tensors of one layer of a slice, which is the layer `new` of the result."""
    tables, numbers = [], []
    for source in part.sources:
        assert source.layers  # noqa: S101
        number, layers = source.layers[0] + index, models[source.model].layers
        if number not in layers:
            raise UsageError(
                f"{source.model} has no layer {number}",
                f"it has {len(layers)}, from {min(layers)} to {max(layers)}",
            )
        tables.append(layers[number])
        numbers.append(number)
    position = index / (part.length - 1) if part.length > 1 else 1.0
    for key in dict.fromkeys(key for table in tables for key in table):
        inputs = (
            SourceTensor(source, in_layer(key, number), table.get(key))
            for source, number, table in zip(part.sources, numbers, tables, strict=True)
        )
        yield ResultTensor(in_layer(key, new), tuple(inputs), part, position)
