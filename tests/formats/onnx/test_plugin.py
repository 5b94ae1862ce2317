"""ONNX models: tensors, and files that are damaged."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from git_theta import testing
from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.onnx.dtypes import DTYPES
from git_theta.formats.onnx.plugin import Onnx
from git_theta.formats.split import split
from git_theta.model.tensor import BLOCKS, TensorSpec
from tests.helpers.onnx_files import (
    attribute,
    external,
    field,
    fields,
    floats,
    graph,
    model,
    node,
    tensor,
)


def found(data: bytes) -> dict[str, Tensor]:
    tensors = Onnx().locate(memoryview(data)).tensors
    assert all(each.strides is None and not each.big_endian for each in tensors)
    return {each.name: each for each in tensors}


def values(data: bytes) -> dict[str, list[float]]:
    return {
        name: np.frombuffer(data, "<f4", each.spec.count, each.offset).tolist()
        for name, each in found(data).items()
    }


def random_tensor(name: str, dtype: str, *shape: int) -> tuple[bytes, bytes]:
    data = Random(f"{dtype}{shape}").randbytes(TensorSpec(dtype, shape).nbytes)
    return tensor(name, dtype, shape, data), data


BRANCH = graph([node("Identity", "w", "y")], [floats("w", 1, 2)], "", "y")
SPARSE = field(1, floats("s", 3, 4)) + field(2, tensor("", "I64", [2], bytes(16))) + field(3, 9)
NODES = [
    node("Constant", "", "c", attribute("value", t=floats("unused", 5))),
    node("Constant", "", "d", attribute("value_ints", i=1)),
    node("If", "x", "out", attribute("then_branch", g=BRANCH), attribute("else_branch", g=BRANCH), name="n"),
    node(
        "Custom",
        "x",
        "many other",
        attribute("list", tensors=floats("", 6)),
        attribute("one", t=floats("", 7)),
    ),
    node("Gemm", "x w", "y", attribute("alpha", f=0.5), attribute("transB", i=1)),
]
ALL = model(
    graph(NODES, [floats("w", 8, 9)], more=field(15, SPARSE)),
    {"author": "größe"},
    more=field(25, field(1, "gelu") + field(7, NODES[0]) + field(10, "pkg.ops"))
    + field(20, field(1, graph([], [floats("start", 1)]))),
)


def test_contract() -> None:
    testing.check_format(
        Onnx(), [model(graph()), ALL, model(graph([], [external("w", [2], location="m.data")]))]
    )


def test_names() -> None:
    expected = {
        "c": [5],
        "out/then_branch/w": [1, 2],
        "out/else_branch/w": [1, 2],
        "many/list/0": [6],
        "many/one": [7],
        "w": [8, 9],
        "s/values": [3, 4],
        "pkg.ops.gelu/c": [5],
        "training_info/0/initialization/start": [1],
    }
    assert found(ALL).pop("s/indices").spec == TensorSpec("I64", (2,))
    got = values(ALL)
    del got["s/indices"]
    assert got == expected


def test_every_type() -> None:
    each = {
        dtype: random_tensor(dtype, dtype, 2, BLOCKS.get(dtype, (3, 1))[0] * 2) for dtype in DTYPES.values()
    }
    data = model(graph([], [message for message, _ in each.values()]))
    places = found(data)
    assert list(places) == list(each)
    for name, (_, value) in each.items():
        assert places[name].spec.dtype == name
        assert data[places[name].offset :][: len(value)] == value


@pytest.mark.parametrize(
    ("dtype", "count", "size"),
    [("U4", 5, 3), ("I4", 1, 1), ("F4", 3, 2), ("U2", 6, 2), ("I2", 1, 1), ("F6_E2M3", 5, 4)],
)
def test_part_of_a_byte_at_the_end(dtype: str, count: int, size: int) -> None:
    data = model(graph([], [tensor("a", dtype, [count], bytes(range(size)))]))
    assert not found(data)
    assert dict(Onnx().scalars(memoryview(data)))["graph/initializer/a"].startswith(f"{dtype} [{count}], ")


@pytest.mark.parametrize(
    ("dtype", "shape", "number", "size"),
    [("F32", [3], 4, 12), ("C64", [2], 4, 16), ("F64", [2], 10, 16), ("C128", [1], 10, 16)],
)
def test_typed_fields_of_a_fixed_width(dtype: str, shape: list[int], number: int, size: int) -> None:
    data = model(graph([], [tensor("a", dtype, shape, bytes(range(size)), number)]))
    place = found(data)["a"]
    assert place.spec == TensorSpec(dtype, tuple(shape))
    assert data[place.offset :][:size] == bytes(range(size))


ELSEWHERE = {
    "integers": tensor("a", "I64", [2], b"\1\2", 7),
    "halves as integers": tensor("a", "F16", [2], b"\1\2", 5),
    "texts": fields(1, [1]) + field(2, 8) + field(8, "a") + field(6, b"text"),
    "an unknown type": fields(1, [4]) + field(2, 99) + field(8, "a") + field(9, b"1234"),
    "each number for itself": fields(1, [2]) + field(2, 1) + field(8, "a") + fields(4, [1.0, 2.0]),
    "two pieces": tensor("a", "F32", [2], b"1234", 4) + field(4, b"1234"),
    "other bytes": tensor("a", "F32", [2], b"1234"),
    "no elements": fields(1, [2]) + field(2, 1) + field(8, "a"),
    "a segment": floats("a", 1) + field(3, field(1, 0) + field(2, 1)),
    "another file": external("a", [2], location="model.data", offset=4096, length=8),
    "the field of another type": tensor("a", "F32", [2], bytes(8), 10),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_elements_that_are_not_in_place(case: str) -> None:
    data = model(graph([], [ELSEWHERE[case], floats("b", 1)]))
    assert list(found(data)) == ["b"]
    assert "graph/initializer/a" in dict(Onnx().scalars(memoryview(data)))


def test_empty_and_scalar_tensors() -> None:
    none = fields(1, [0, 3]) + field(2, 1) + field(8, "none")
    places = found(model(graph([], [none, tensor("scalar", "F32", [], bytes(4)), floats("zero")])))
    assert [each.spec.shape for each in places.values()] == [(0, 3), (), (0,)]


def test_sizes_in_a_row() -> None:
    sizes = field(1, b"\2\3") + field(2, 1) + field(8, "a") + field(9, bytes(24))
    assert found(model(graph([], [sizes])))["a"].spec.shape == (2, 3)


def test_texts() -> None:
    texts = dict(Onnx().scalars(memoryview(ALL)))
    assert texts["ir_version"] == "8"
    assert texts["opset_import"] == "17"
    assert texts["metadata_props/author"] == "'größe'"
    assert texts["graph/node/y"] == "Gemm(x, w, alpha=0.5, transB=1)"
    assert texts["graph/node/c"] == "Constant()"
    assert texts["graph/node/d"] == "Constant(1)"
    assert texts["graph/input/x"] == "F32 []"
    other = ALL.replace(floats("unused", 5), floats("unused", 6)).replace(
        floats("w", 1, 2), floats("w", 1, 3)
    )
    assert other != ALL
    assert dict(Onnx().scalars(memoryview(other))) == texts


def test_the_file_of_a_tensors_elements_is_listed() -> None:
    data = model(graph([], [ELSEWHERE["another file"]]))
    text = dict(Onnx().scalars(memoryview(data)))["graph/initializer/a"]
    assert text == "F32 [2] in another file: location=model.data, offset=4096, length=8"


def _nested(depth: int) -> bytes:
    inner = graph([], [floats("w", 1)], "", "")
    for _ in range(depth):
        inner = graph([node("If", "", "y", attribute("g", g=inner))], [], "", "")
    return inner


MANY = [floats(str(number)) for number in range(20_000)]
HOSTILE = {
    "cut": (ALL[:-1], "doesn't end"),
    "cut in the graph": (ALL[: len(ALL) // 3], "doesn't end"),
    "a number without an end": (field(1, 8) + field(7, graph(more=b"\xff" * 20)), "no end"),
    "nested": (model(_nested(60)), "nested more than"),
    "repeated names": (model(graph([], [floats("a", 1), floats("a", 2)])), "repeated"),
    "negative size": (model(graph([], [tensor("a", "F32", [-1], b"")])), "negative size"),
    "huge": (model(graph([], [tensor("a", "F32", [1 << 62, 1 << 62], b"")])), "larger than any file"),
    "huge, and packed": (model(graph([], [tensor("a", "U4", [1 << 62, 3], b"")])), "larger than any file"),
    "many sizes": (model(graph([], [tensor("a", "F32", [1] * 99, bytes(4))])), "65 dimensions"),
    "long name": (model(graph([], [floats("x" * 5000, 1)])), "more than 4,096 characters"),
    "no UTF-8": (model(graph([], [floats("a", 1).replace(b"a", b"\xff")])), "UTF-8"),
    "unknown wire type": (model(graph(more=b"\x0b")), "wire type 3"),
    "long names of many": (
        model(
            graph(
                [node("A", "", "z" * 4000, attribute("l", g=graph([], map(floats, map(str, range(20_000))))))]
            )
        ),
        "67,108,864 characters",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str) -> None:
    data, message = HOSTILE[case]
    assert Onnx().matches(memoryview(data))
    parts = split(memoryview(data), [Onnx()])
    assert (parts.format, message in parts.note) == ("opaque", True), parts.note


def test_many_fields_are_refused_soon() -> None:
    data = model(graph(more=b"\x20\0" * 2_600_000))
    with pytest.raises(FormatError, match="more than 2,500,000 fields"):
        Onnx().locate(memoryview(data))


def test_a_tree_ensemble_of_a_million_numbers() -> None:
    trees = attribute("values") + fields(7, [0.5]) * 1_500_000 + fields(8, [7, -1]) * 1_500_000
    data = model(graph([node("Trees", "x", "y", trees)], [floats("w", 1)]))
    assert values(data) == {"w": [1]}


@pytest.mark.parametrize(
    "data",
    [
        b"\x08\x08",
        b"\x08\x08\x12\x03abc",
        field(1, 1) + field(2, b"abc"),  # as TensorFlow's saved models
        field(1, 5) + field(2, b"a") + field(500, b"b"),  # as Core ML's models
        field(1, 100) + field(7, graph()),
        field(1, 8) + field(7, b"\xff\xff"),
        field(1, 8) + field(7, 7),
    ],
)
def test_messages_that_are_no_models(data: bytes) -> None:
    assert not Onnx().matches(memoryview(data))
