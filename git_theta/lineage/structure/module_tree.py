"""The modules of a model, with their types, shapes and values, as a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_theta.lineage.structure.module_graph import FlowEdge, ModuleContainer, module_graph
from git_theta.lineage.structure.module_names import ModuleParameter, module_parameters
from git_theta.lineage.structure.module_types import Shape, module_type
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry


@dataclass(frozen=True, slots=True)
class ModelModule:
    """A module that has parameters of its own.

    Attributes:
        name: Its name; empty for the model itself.
        type: Its type; see `module_type`.
        shapes: Name within the module, and shape, of each parameter, sorted.
        content: Equal for modules whose parameters have the same names, dtypes, shapes and values.
    """

    name: str
    type: str
    shapes: tuple[tuple[str, Shape], ...]
    content: str

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for modules of the same structure."""
        return self.type, self.shapes


@dataclass(frozen=True, slots=True)
class ModuleTree:
    """The modules of a model as a graph.

    Attributes:
        modules: All modules with parameters, in the order of layers.
        root: The model as a container of them.
        flow: What feeds what, by indices of modules; see `ModuleGraph`.
    """

    modules: tuple[ModelModule, ...]
    root: ModuleContainer
    flow: tuple[FlowEdge, ...]


def module_tree(entries: Iterable[Entry]) -> ModuleTree:
    """The modules of a model; no value is read.

    Args:
        entries: The entries of all its files.
    """
    known = {entry.name: entry for entry in entries}
    parameters = module_parameters({name: entry.spec for name, entry in known.items()})
    graph = module_graph(parameters)
    modules = tuple(_module(name, parameters[name], known) for name in graph.names)
    return ModuleTree(modules, graph.root, graph.flow)


def _module(name: str, parameters: Sequence[ModuleParameter], entries: Mapping[str, Entry]) -> ModelModule:
    shapes = {each.name: each.shape for each in parameters}
    return ModelModule(
        name, module_type(name, shapes), tuple(sorted(shapes.items())), _content(parameters, entries)
    )


def _content(parameters: Sequence[ModuleParameter], entries: Mapping[str, Entry]) -> str:
    """The digest of a module's parameters."""
    lines = sorted(
        f"{parameter.name} {number} {entry.spec.dtype} {entry.spec.shape} {entry.digest}\n"
        for parameter in parameters
        for number, entry in enumerate(entries[tensor] for tensor in parameter.tensors)
    )
    return digest("".join(lines).encode("utf-8", "surrogatepass"))
