"""Merges of ONNX models: nodes, tensors, metadata, and what can't be merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from git_theta.errors import FormatError
from git_theta.formats.base import ComposeError
from git_theta.formats.onnx.plugin import Onnx
from git_theta.model.tensor import TensorSpec
from tests.helpers.composing import merged, opened
from tests.helpers.onnx_files import (
    attribute,
    external,
    field,
    floats,
    graph,
    model,
    node,
    tensor,
    value,
)

RELU = node("Relu", "h", "y")
GEMM = node("Gemm", "x w b", "h", attribute("alpha", f=0.5))
WEIGHTS = {"w": (1.0, 2.0), "b": (3.0,)}
METADATA = {"author": "a", "old": "x"}


def tensors(weights: Mapping[str, tuple[float, ...]]) -> list[bytes]:
    return [floats(name, *numbers) for name, numbers in weights.items()]


def simple(
    nodes: list[bytes] | None = None,
    weights: Mapping[str, tuple[float, ...]] = WEIGHTS,
    metadata: Mapping[str, str] = METADATA,
    outputs: str = "y",
    more: bytes = b"",
) -> bytes:
    return model(graph(nodes or [GEMM, RELU], tensors(weights), "x", outputs, more), metadata)


BASE = simple()


def test_a_merge_that_changes_nothing_gives_the_same_file() -> None:
    assert merged(BASE, BASE, BASE)[0] == BASE


def test_layers_and_metadata_of_both_sides() -> None:
    more, less = METADATA | {"more": "z"}, {"author": "b"}
    ours = simple([GEMM, node("Add", "h v", "k"), RELU], {**WEIGHTS, "v": (7.0,)}, more)
    theirs = simple([GEMM, RELU, node("Mul", "y u", "z")], {"u": (9.0,), "w": (4.0, 5.0), "b": (3.0,)}, less)
    data, made = merged(BASE, ours, theirs)
    assert made.conflicts == ()
    assert data == simple(
        [GEMM, node("Add", "h v", "k"), RELU, node("Mul", "y u", "z")],
        {"u": (9.0,), "w": (4.0, 5.0), "b": (3.0,), "v": (7.0,)},
        {"author": "b", "more": "z"},
    )


def test_a_layer_that_a_side_removes() -> None:
    ours = simple([node("Gemm", "x w", "y")], {"w": (1.0, 2.0)})
    theirs = simple(weights={"w": (1.5, 2.5), "b": (3.0,)})
    assert merged(BASE, ours, theirs)[0] == simple([node("Gemm", "x w", "y")], {"w": (1.5, 2.5)})


def test_attributes_of_one_node() -> None:
    ours = simple([node("Gemm", "x w b", "h", attribute("alpha", f=0.25)), RELU])
    theirs = simple([node("Gemm", "x w b", "h", attribute("alpha", f=0.5), attribute("transB", i=1)), RELU])
    both = node("Gemm", "x w b", "h", attribute("alpha", f=0.25), attribute("transB", i=1))
    data, made = merged(BASE, ours, theirs)
    assert made.conflicts == ()
    assert data == simple([both, RELU])


def test_a_node_in_conflict() -> None:
    files = [
        BASE,
        *(simple([node("Gemm", "x w b", "h", attribute("alpha", f=f)), RELU]) for f in (0.25, 0.125)),
    ]
    data, made = merged(*files)
    assert (made.conflicts, data) == (("graph/node/h",), files[1])
    assert merged(*files, prefer=lambda name: 1 if name == "graph/node/h" else None)[0] == files[2]
    assert "graph/node/h" in dict(Onnx().scalars(memoryview(BASE)))


def test_metadata_in_conflict() -> None:
    files = [simple(metadata={"author": author}) for author in "abc"]
    data, made = merged(*files)
    assert (made.conflicts, data) == (("metadata_props/author",), files[1])


def test_values_that_a_side_removed() -> None:
    ours = simple([node("Gemm", "x w b", "y")])
    theirs = simple([GEMM, RELU, node("Add", "h y", "z")])
    with pytest.raises(ComposeError, match="one side removed: 'h'"):
        merged(BASE, ours, theirs)


def test_what_a_side_used_without_a_definition_is_no_fault() -> None:
    odd = simple([node("Gemm", "x w odd", "h"), RELU])
    ours = simple([node("Gemm", "x w odd", "h"), RELU], {"w": (8.0, 8.0), "b": (3.0,)})
    assert merged(odd, ours, simple([node("Gemm", "x w odd", "h"), RELU], metadata={}))[0] == simple(
        [node("Gemm", "x w odd", "h"), RELU], {"w": (8.0, 8.0), "b": (3.0,)}, {}
    )


def branch(*numbers: float, more: float | None = None) -> bytes:
    added = [] if more is None else [node("Add", "y extra", "k")]
    weights = {"v": numbers} | ({} if more is None else {"extra": (more,)})
    return graph([node("Identity", "v", "y"), *added], tensors(weights), "", "y")


def branches(then: bytes, otherwise: bytes) -> bytes:
    attributes = attribute("then_branch", g=then), attribute("else_branch", g=otherwise)
    return simple([node("If", "x", "y", *attributes)], {})


def test_graphs_in_attributes() -> None:
    base = branches(branch(1), branch(2))
    ours, theirs = branches(branch(1, more=5), branch(2)), branches(branch(3), branch(2, more=6))
    data, made = merged(base, ours, theirs)
    assert (made.conflicts, data) == ((), branches(branch(3, more=5), branch(2, more=6)))


def constant(*numbers: float, name: str = "w") -> bytes:
    return node("Constant", "", name, attribute("value", t=floats("", *numbers)))


def test_constants() -> None:
    base = simple([constant(1, 2), GEMM, RELU], {"b": (3.0,)})
    ours = simple([constant(4, 5), GEMM, RELU], {"b": (3.0,)})
    theirs = simple([constant(1, 2), constant(6, name="k"), GEMM, RELU], {"b": (7.0,)})
    assert merged(base, ours, theirs)[0] == simple(
        [constant(4, 5), constant(6, name="k"), GEMM, RELU], {"b": (7.0,)}
    )


def test_a_constant_becomes_an_initialiser() -> None:
    base = simple([constant(1, 2), GEMM, RELU], {"b": (3.0,)})
    ours = simple([GEMM, RELU], {"b": (3.0,), "w": (1.0, 2.0)})
    theirs = simple([constant(1, 2), GEMM, RELU], {"b": (4.0,)})
    assert merged(base, ours, theirs)[0] == simple([GEMM, RELU], {"b": (4.0,), "w": (1.0, 2.0)})


def test_a_parameter_without_a_place() -> None:
    base = simple([constant(1, 2), GEMM, RELU], {"b": (3.0,)})
    wanted = dict(opened(base).values)
    del wanted["w"]
    with pytest.raises(ComposeError, match="needs the parameter 'w'"):
        merged(base, base, base, values=wanted)


def test_a_dtype_that_no_side_has() -> None:
    with pytest.raises(ComposeError, match="no side has a parameter 'w' of F16"):
        merged(BASE, BASE, BASE, values={**opened(BASE).values, "w": (TensorSpec("F16", (2,)), bytes(4))})


def test_a_tensor_in_another_dtype_and_field() -> None:
    def file(weight: bytes, author: str = "a") -> bytes:
        return model(graph([GEMM, RELU], [weight, floats("b", 3)], "x", "y"), {"author": author})

    half = tensor("w", "F16", [2], np.array([1, 2], "<f2").tobytes()) + field(12, "text")
    typed = tensor("w", "F32", [2], np.array([1, 2], "<f4").tobytes(), 4)
    assert merged(file(typed), file(half), file(typed, "b"))[0] == file(half, "b")
    assert merged(file(floats("w", 1, 2)), file(typed), file(floats("w", 1, 2), "b"))[0] == file(typed, "b")


def test_tensors_without_a_place() -> None:
    def file(count: int, place: int, author: str = "a") -> bytes:
        weights = [
            tensor("i", "I64", [count], bytes(range(count)), 7),
            external("e", [4], location="m.data", offset=place),
        ]
        return model(graph([node("Add", "i e", "y")], weights), {"author": author})

    assert merged(file(2, 0), file(3, 0), file(2, 64, "b"))[0] == file(3, 64, "b")
    data, made = merged(file(2, 0), file(3, 0), file(4, 0))
    assert (data, made.conflicts) == (file(3, 0), ("graph/initializer/i",))


def test_a_tensor_moves_to_another_file() -> None:
    def file(weight: bytes, author: str = "a") -> bytes:
        return model(graph([GEMM, RELU], [weight, floats("b", 3)], "x", "y"), {"author": author})

    moved = external("w", [2], location="m.data")
    assert merged(file(floats("w", 1, 2)), file(moved), file(floats("w", 1, 2), "b"))[0] == file(moved, "b")


def test_functions_and_training() -> None:
    def file(number: float, text: str) -> bytes:
        function = field(1, "f") + field(4, "p") + field(5, "q") + field(8, text) + field(10, "ops")
        function += field(7, constant(number, name="k")) + field(7, node("Add", "p k", "q"))
        training = field(1, graph([constant(number, name="t")]))
        return simple(more=b"") + field(20, training) + field(25, function)

    assert merged(file(1, "a"), file(2, "a"), file(1, "b"))[0] == file(2, "b")


def test_sparse_initialisers() -> None:
    def file(*numbers: float, author: str = "a") -> bytes:
        indices = tensor("", "I64", [len(numbers)], bytes(8 * len(numbers)))
        sparse = field(1, floats("s", *numbers)) + field(2, indices) + field(3, 9)
        return simple([node("Gemm", "x s b", "h"), RELU], metadata={"author": author}, more=field(15, sparse))

    assert merged(file(1, 2), file(3), file(1, 2, author="b"))[0] == file(3, author="b")


def test_without_a_base() -> None:
    data, made = merged(None, BASE, simple(metadata={"author": "a", "old": "x", "new": "y"}))
    assert (made.conflicts, data) == ((), simple(metadata={"author": "a", "old": "x", "new": "y"}))


def test_inputs_and_types_between_nodes() -> None:
    def file(size: int, name: str) -> bytes:
        more = field(11, value("extra", "batch", size)) + field(13, value(name, 1)) + field(16, b"")
        return simple(more=more)

    data, made = merged(file(1, "p"), file(2, "p"), file(1, "q"))
    assert (made.conflicts, data) == ((), file(2, "q"))


def test_a_damaged_version() -> None:
    whole = opened(BASE).version
    cut = replace(whole, skeleton=whole.skeleton[:-1])
    with pytest.raises(FormatError, match="doesn't end"):
        Onnx().compose(None, [whole, cut], {}, lambda _name: None)
