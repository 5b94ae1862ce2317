"""TensorFlow Lite's models: tensors, other values, and files that are damaged."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from git_theta import testing
from git_theta.formats.split import split
from git_theta.formats.tflite.model import DTYPES
from git_theta.formats.tflite.plugin import TfLite
from git_theta.model.tensor import BLOCKS, TensorSpec
from tests.helpers.flatbuffer_files import tensor, tflite, tflite_beyond

WEIGHTS = np.arange(6, dtype="<f4").tobytes()
TENSORS = [
    tensor("input", "F32", (1, 2), 0),
    tensor("dense/kernel", "F32", (2, 3), 1),
    tensor("dense/bias", "I8", (4,), 2, (0.5, 0.25), (1, -2)),
    tensor("dense/bias", "I8", (2, 2), 3),
    tensor("tied", "F32", (6,), 1),
]
MODEL = tflite(TENSORS, [b"", WEIGHTS, b"abcd", b"efgh"])


def found(data: bytes) -> dict[str, tuple[TensorSpec, bytes]]:
    parts = split(memoryview(data), [TfLite()])
    assert (parts.format, parts.note) == ("tflite", "")
    return {each.name: (each.spec, data[each.offset :][: each.spec.nbytes]) for each in parts.tensors}


def test_contract() -> None:
    more = tflite_beyond([tensor("w", "F32", (6,), 1)], [WEIGHTS])
    testing.check_format(TfLite(), [MODEL, more, tflite([], [])])


def test_names_and_values() -> None:
    assert found(MODEL) == {
        "dense/kernel": (TensorSpec("F32", (2, 3)), WEIGHTS),
        "dense/bias": (TensorSpec("I8", (4,)), b"abcd"),
        "dense/bias#2": (TensorSpec("I8", (2, 2)), b"efgh"),
    }


def test_other_graphs() -> None:
    loop = [{0: [tensor("w", "I8", (4,), 1)], 4: "body"}, {0: [tensor("w", "I8", (4,), 2)]}]
    data = tflite([tensor("w", "I8", (4,), 3)], [b"", b"abcd", b"efgh", b"ijkl"], loop)
    assert {name: value for name, (_, value) in found(data).items()} == {
        "body/w": b"abcd",
        "2/w": b"efgh",
        "w": b"ijkl",
    }


def test_buffers_after_the_tables() -> None:
    tensors = [tensor("a", "F32", (2, 3), 1), tensor("b", "I8", (4,), 2)]
    assert found(tflite_beyond(tensors, [WEIGHTS, b"abcd"])) == {
        "a": (TensorSpec("F32", (2, 3)), WEIGHTS),
        "b": (TensorSpec("I8", (4,)), b"abcd"),
    }


def test_every_type() -> None:
    contents, tensors = [b""], []
    for dtype in DTYPES.values():
        shape = (3, BLOCKS.get(dtype, (2, 1))[0])
        contents.append(Random(dtype).randbytes(TensorSpec(dtype, shape).nbytes))
        tensors.append(tensor(dtype, dtype, shape, len(contents) - 1))
    got = found(tflite(tensors, contents))
    assert list(got) == list(DTYPES.values())
    assert [value for _, value in got.values()] == contents[1:]
    assert all(spec.dtype == name for name, (spec, _) in got.items())


def test_tensors_that_stay_in_the_layout() -> None:
    text, sparse = tensor("text", "F32", (1,), 1), tensor("sparse", "F32", (4,), 2)
    text[1] = ("b", 5)
    sparse[6] = {}
    odd, short = tensor("odd", "I4", (3,), 3), tensor("short", "F32", (2,), 1)
    assert found(tflite([text, sparse, odd, short], [b"", b"abcd", bytes(16), b"12"])) == {}


def test_texts() -> None:
    many = tensor("many", "I8", (4,), 1, [0.5] * 20, [0] * 20)
    texts = dict(TfLite().scalars(memoryview(tflite([*TENSORS, many], [b"", WEIGHTS, b"abcd", b"efgh"]))))
    assert texts["version"] == "3"
    assert texts["description"] == "'made'"
    assert texts["subgraphs/0"] == "'main', 6 tensors, 1 inputs, 0 outputs, 0 operators"
    assert texts["metadata/0"] == "'min_runtime_version'"
    assert texts["quantization/dense/bias/scale"] == "0.5, 0.25"
    assert texts["quantization/dense/bias/zero_point"] == "1, -2"
    assert texts["quantization/dense/bias/dimension"] == "1"
    assert texts["quantization/many/scale"].startswith("20 numbers, CRC ")


PAIR = [tensor("a", "F32", (2, 3), 1), tensor("b", "F32", (2, 3), 2)]
HOSTILE = {
    "cut": (MODEL[: len(MODEL) // 2], "file"),
    "no buffer": (tflite([tensor("a", "F32", (1,), 9)], [b""]), "a buffer that isn't there"),
    "negative": (tflite([tensor("a", "F32", (-1,), 1)], [b"", b"abcd"]), "negative size"),
    "huge": (tflite([tensor("a", "F32", [1 << 30] * 3, 1)], [b"", b"abcd"]), "larger than any file"),
    "many sizes": (tflite([tensor("a", "F32", [1] * 99, 1)], [b"", b"abcd"]), "65 dimensions"),
    "outside": (tflite_beyond([tensor("a", "F32", (6,), 1)], [WEIGHTS])[:-1], "outside the file"),
    "overlap": (tflite_beyond(PAIR, [WEIGHTS, WEIGHTS], -16), "overlaps"),
    "many tensors": (tflite([tensor("a", "F32", (1,), 0)] * 100_001, [b""]), "more tensors"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str) -> None:
    data, message = HOSTILE[case]
    assert TfLite().matches(memoryview(data))
    parts = split(memoryview(data), [TfLite()])
    assert (parts.format, message in parts.note) == ("opaque", True), parts.note


def test_agreement_with_the_generated_reader() -> None:
    generated = pytest.importorskip("tflite")
    model = generated.Model.GetRootAs(MODEL, 0)
    graph, got = model.Subgraphs(0), found(MODEL)
    assert [graph.Tensors(index).Name().decode() for index in range(graph.TensorsLength())] == [
        each[3] for each in TENSORS
    ]
    kernel = graph.Tensors(1)
    spec, value = got["dense/kernel"]
    assert tuple(kernel.ShapeAsNumpy()) == spec.shape
    assert model.Buffers(kernel.Buffer()).DataAsNumpy().tobytes() == value
    assert graph.Tensors(2).Quantization().ScaleAsNumpy().tolist() == [0.5, 0.25]
