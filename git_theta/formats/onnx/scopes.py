"""The values that the nodes of an ONNX model use, though nothing defines them."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.formats.onnx.messages import FUNCTION, GRAPH, MODEL, MessageType
from git_theta.formats.onnx.walk import PASSES, describe, model_reader, own_name
from git_theta.formats.protobuf import LENGTH, WireReader

#: Fields of a node: inputs, outputs and attributes; of an attribute: a graph, and graphs.
_INPUTS, _OUTPUTS, _ATTRIBUTES, _GRAPHS = 1, 2, 5, (6, 11)

#: Fields of graphs and functions by their type: nodes, inputs, outputs.
_NODES = {GRAPH: 1, FUNCTION: 7}
_GIVEN = {GRAPH: 11, FUNCTION: 4}
_RESULTS = {GRAPH: 12, FUNCTION: 5}
_TENSORS = (5, 15)

Scopes = tuple[set[str], ...]


def undefined_values(data: memoryview) -> list[str]:
    """Names of the values that a node uses, or a graph gives, before anything in its scope defines them.

    Args:
        data: A model; the elements of tensors may be anything.

    Raises:
        FormatError: The model is damaged.
    """
    reader = model_reader(data, PASSES)
    found: dict[str, None] = {}
    for number, wire, start, end in reader.fields(0, len(data)):
        if wire == LENGTH and number in MODEL.parts and MODEL.parts[number].type in _NODES:
            found.update(dict.fromkeys(_undefined(reader, MODEL.parts[number].type, start, end, ())))
    return list(found)


def _undefined(reader: WireReader, kind: MessageType, start: int, end: int, outside: Scopes) -> Iterator[str]:
    known: set[str] = set()
    nodes, results = [], []
    for number, wire, at, stop in reader.fields(start, end):
        if wire != LENGTH:
            continue
        if number == _NODES[kind]:
            nodes.append((at, stop))
        elif number == _GIVEN[kind]:
            known.add(_value_name(reader, kind, at, stop))
        elif number == _RESULTS[kind]:
            results.append(_value_name(reader, kind, at, stop))
        elif kind is GRAPH and number in _TENSORS:
            part = GRAPH.parts[number].type
            texts, children = describe(reader, part, at, stop)
            known.add(own_name(reader, part, texts, children))
    scopes = (*outside, known)
    for place in nodes:
        inputs, outputs, graphs = _node(reader, *place)
        yield from (name for name in inputs if name and not any(name in scope for scope in scopes))
        for graph in graphs:
            yield from _undefined(reader, GRAPH, *graph, scopes)
        known.update(outputs)
    yield from (name for name in results if not any(name in scope for scope in scopes))


def _value_name(reader: WireReader, kind: MessageType, start: int, end: int) -> str:
    """The name of an input or output, which in a graph is a message with its type."""
    if kind is FUNCTION:
        return reader.text(start, end)
    for number, wire, at, stop in reader.fields(start, end):
        if number == 1 and wire == LENGTH:
            return reader.text(at, stop)
    return ""


def _node(reader: WireReader, start: int, end: int) -> tuple[list[str], list[str], list[tuple[int, int]]]:
    """Inputs and outputs of a node, and the places of its graphs."""
    inputs, outputs, graphs = [], [], []
    for number, wire, at, stop in reader.fields(start, end):
        if wire != LENGTH:
            continue
        if number == _INPUTS:
            inputs.append(reader.text(at, stop))
        elif number == _OUTPUTS:
            outputs.append(reader.text(at, stop))
        elif number == _ATTRIBUTES:
            fields = reader.fields(at, stop)
            graphs += [
                (first, last) for part, form, first, last in fields if part in _GRAPHS and form == LENGTH
            ]
    return inputs, outputs, graphs
