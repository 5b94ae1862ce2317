"""Modules as a graph: what contains what, and what feeds what. Built from names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice, product
from typing import Final

from git_theta.lineage.structure.layer_order import LayerOrder

#: The ends of the flow of values: what feeds the first modules, and what the last ones feed.
INPUT: Final = -1
OUTPUT: Final = -2

#: Levels of containers at most; the rest of a longer name is one part.
_MAX_DEPTH: Final = 24

#: Edges between two stages at most. Wider stages are connected pair by pair.
_MAX_JOINED: Final = 256

_SEPARATOR: Final = re.compile(r"[./]")

#: An edge: the index of a module, and the index of a module that it feeds.
FlowEdge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ModuleContainer:
    """A container of modules that follow each other in the order of layers.

    Attributes:
        name: Its name with the separator at its end, such as `encoder.`; empty for the model.
        start: Index of its first module.
        end: Index after its last module.
        inner: The containers in it, in order.
    """

    name: str
    start: int
    end: int
    inner: tuple[ModuleContainer, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleGraph:
    """The modules of a model as a graph.

    Attributes:
        names: Their names, in the order of layers.
        root: The model as a container.
        flow: What feeds what, sorted; see `INPUT` and `OUTPUT`. Empty for a model without modules.
    """

    names: tuple[str, ...]
    root: ModuleContainer
    flow: tuple[FlowEdge, ...]


def module_graph(names: Iterable[str]) -> ModuleGraph:
    """The graph of modules with these names; in time nearly proportional to their characters.

    The flow of values is a guess by names: see `layer_order`.
    """
    root = _Node("")
    for name in names:
        root.add(name)
    builder = _GraphBuilder()
    container, inputs, outputs = builder.visit(root)
    if builder.names:
        builder.join([INPUT], inputs)
        builder.join(outputs, [OUTPUT])
    return ModuleGraph(tuple(builder.names), container, tuple(sorted(builder.flow)))


@dataclass(slots=True)
class _Node:
    """A part of names.

    Attributes:
        part: The part.
        modules: The modules whose names end here; two if they differ in separators alone.
        inner: Part → node, of what is inside.
        start: The beginning of the names of all that is inside.
    """

    part: str
    modules: list[str] = field(default_factory=list)
    inner: dict[str, _Node] = field(default_factory=dict)
    start: str = ""

    def add(self, name: str) -> None:
        """Add a module; its name is looked at up to `_MAX_DEPTH` parts."""
        node, length = self, 0
        for part in _SEPARATOR.split(name, maxsplit=_MAX_DEPTH) if name else ():
            node.start = node.start or name[:length]
            node = node.inner.setdefault(part, _Node(part))
            length += len(part) + 1
        node.modules.append(name)


@dataclass(slots=True)
class _GraphBuilder:
    """Numbers modules in the order of layers, and connects them.

    Attributes:
        names: Names of the modules so far.
        flow: The edges so far.
        order: The order of layers.
    """

    names: list[str] = field(default_factory=list)
    flow: list[FlowEdge] = field(default_factory=list)
    order: LayerOrder = field(default_factory=LayerOrder)

    def visit(self, node: _Node) -> tuple[ModuleContainer, list[int], list[int]]:
        """Add all modules of a node.

        Returns:
            The container, indices of its modules that take its input, and of those that give its output.
        """
        start = len(self.names)
        inner: list[ModuleContainer] = []
        inputs: list[int] = []
        outputs: list[int] = []
        for stage in self._stages(node):
            takes: list[int] = []
            gives: list[int] = []
            for member in stage:
                if isinstance(member, str):
                    takes.append(len(self.names))
                    gives.append(len(self.names))
                    self.names.append(member)
                    continue
                container, its_inputs, its_outputs = self.visit(member)
                takes += its_inputs
                gives += its_outputs
                inner += [container] if member.inner else []
            if outputs:
                self.join(outputs, takes)
            inputs = inputs or takes
            outputs = gives
        return ModuleContainer(node.start, start, len(self.names), tuple(inner)), inputs, outputs

    def _stages(self, node: _Node) -> Iterator[Sequence[str | _Node]]:
        yield from ([name] for name in node.modules)
        yield from self.order.stages(node.part, list(node.inner.values()))

    def join(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Connect modules with those that they feed: all with all, unless both are very many."""
        if len(sources) * len(targets) <= _MAX_JOINED or min(len(sources), len(targets)) == 1:
            self.flow += product(sources, targets)
        else:
            width = max(len(sources), len(targets))
            self.flow += zip(islice(cycle(sources), width), islice(cycle(targets), width), strict=True)
