"""Data files of ONNX models: tensors that a model beside the file describes."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta import testing
from git_theta.errors import FormatError
from git_theta.formats import registry
from git_theta.formats.neighbours import Neighbours
from git_theta.formats.onnx.data_file import OnnxData
from git_theta.formats.split import Split, split
from git_theta.model.tensor import TensorSpec
from tests.helpers.onnx_files import attribute, external, field, fields, floats, graph, model, node

FILE = "m.onnx.data"
DATA = np.arange(40, dtype="<f4").tobytes()
A = external("a", [2, 3], location=FILE, offset=16, length=24)
B = external("b", [4], location=f"./{FILE}", offset=64, length=16)


def beside(files: dict[str, bytes], name: str = FILE) -> Neighbours:
    return Neighbours(name, lambda: sorted(files), files.get)


def parts(*tensors: bytes, data: bytes = DATA, name: str = "m.onnx") -> Split:
    return split(memoryview(data), registry(), None, beside({name: model(graph([], tensors))}))


def test_contract() -> None:
    testing.check_format(OnnxData(), [])


def test_tensors_of_the_model() -> None:
    branch = graph([], [external("c", [2], location=FILE, offset=100, length=8)])
    whole = model(graph([node("If", "x", "out", attribute("then_branch", g=branch))], [B, A, floats("d", 1)]))
    found = split(memoryview(DATA), registry(), None, beside({"m.onnx": whole}))
    assert (found.format, found.told, found.note) == ("onnx-data", True, "")
    assert {each.name: (each.spec, each.offset) for each in found.tensors} == {
        "a": (TensorSpec("F32", (2, 3)), 16),
        "b": (TensorSpec("F32", (4,)), 64),
        "out/then_branch/c": (TensorSpec("F32", (2,)), 100),
    }


def test_a_file_for_one_tensor() -> None:
    (found,) = parts(external("w", [40], location=FILE)).tensors
    assert (found.name, found.offset, found.spec.count) == ("w", 0, 40)


def test_tensors_in_one_place() -> None:
    same = external("same", [6], location=FILE, offset=16, length=24)
    assert [each.name for each in parts(A, same).tensors] == ["a"]


def test_the_model_of_a_similar_name_comes_first() -> None:
    files = {
        name: model(graph([], [external(name, [4], location=FILE, length=16)]))
        for name in ("a.onnx", "m.onnx")
    }
    found = split(memoryview(DATA), registry(), None, beside(files))
    assert [each.name for each in found.tensors] == ["m.onnx"]


@pytest.mark.parametrize(
    "tensors",
    [
        [floats("w", 1)],
        [external("w", [4], location="other", length=16)],
        [external("w", [5], location=FILE, length=16)],
        [external("w", [4], location=FILE, offset=-1, length=16)],
        [external("w", [4], location=FILE, offset="x", length=16)],
        [external("w", [4], location=FILE, offset="1" * 30, length=16)],
        [external("w", [4], location=FILE, offset=150, length=16)],
        [external("w", [-4], location=FILE, length=16)],
        [A, external("w", [4], location=FILE, offset=32, length=16)],
        [fields(1, [4]) + field(2, 8) + field(8, "w") + field(13, field(1, "location") + field(2, FILE))],
    ],
)
def test_models_of_other_files(tensors: list[bytes]) -> None:
    found = parts(*tensors)
    assert (found.format, found.told) == ("opaque", None)


@pytest.mark.parametrize("content", [b"", b"no model", model(graph([], [A]))[:-1]])
def test_neighbours_that_are_no_models(content: bytes) -> None:
    assert split(memoryview(DATA), registry(), None, beside({"m.onnx": content})).format == "opaque"
    with pytest.raises(FormatError):
        OnnxData().locate_beside(memoryview(DATA), beside({"m.onnx": content}))


def test_a_file_alone() -> None:
    assert not OnnxData().matches_beside(memoryview(DATA), beside({"a.pt": b""}))
    assert not OnnxData().matches(memoryview(DATA))
    with pytest.raises(FormatError, match="described by a model"):
        OnnxData().locate(memoryview(DATA))
