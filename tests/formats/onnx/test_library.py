"""Models that the format's own library writes, and merged models that it reads."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from git_theta.formats.neighbours import neighbours_of
from git_theta.formats.onnx.data_file import OnnxData
from git_theta.formats.onnx.dtypes import DTYPES
from git_theta.formats.onnx.plugin import Onnx
from git_theta.formats.split import split
from git_theta.model.tensor import TensorSpec, numpy_dtype
from tests.helpers.composing import merged

onnx = pytest.importorskip("onnx", minversion="1.19")


def array(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def network(*layers: tuple[str, Any], author: str = "a") -> Any:
    """A network of matrices, each with the name of its output."""
    helper, names = onnx.helper, ["x", *(name for name, _ in layers)]
    nodes = [
        helper.make_node("MatMul", [source, f"{name}.weight"], [name]) for source, name in pairwise(names)
    ]
    weights = [onnx.numpy_helper.from_array(value, f"{name}.weight") for name, value in layers]
    ends = [
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 4])] for name in ("x", names[-1])
    ]
    model = helper.make_model(helper.make_graph(nodes, "net", *ends, weights), ir_version=8)
    helper.set_model_props(model, {"author": author})
    return model


def test_every_type_of_raw_data() -> None:
    names = {
        number: onnx.TensorProto.DataType.Name(number)
        for number in onnx.TensorProto.DataType.values()
        if number not in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING)
    }
    assert names.keys() <= DTYPES.keys()
    weights = []
    for number, name in names.items():
        values = np.arange(8).astype(onnx.helper.tensor_dtype_to_np_dtype(number))
        weights.append(onnx.numpy_helper.from_array(values, name))
        assert weights[-1].data_type == number
    data = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], weights)).SerializeToString()
    found = {each.name: each for each in Onnx().locate(memoryview(data)).tensors}
    assert list(found) == list(names.values())
    for weight in weights:
        each = found[weight.name]
        assert each.spec == TensorSpec(DTYPES[weight.data_type], (8,))
        assert data[each.offset :][: each.spec.nbytes] == weight.raw_data


@pytest.mark.parametrize("name", ["FLOAT", "DOUBLE", "COMPLEX64", "COMPLEX128"])
def test_typed_fields(name: str) -> None:
    number = onnx.TensorProto.DataType.Value(name)
    weight = onnx.helper.make_tensor("w", number, [2, 2], [1, 2, 3, 4])
    data = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [weight])).SerializeToString()
    (found,) = Onnx().locate(memoryview(data)).tensors
    value = np.frombuffer(data, numpy_dtype(found.spec.dtype), 4, found.offset).reshape(found.spec.shape)
    np.testing.assert_array_equal(value, onnx.numpy_helper.to_array(weight))


def test_values_are_those_that_the_library_reads() -> None:
    model = network(("a", array(1, 4, 8)), ("b", array(2, 8, 4)))
    data = model.SerializeToString()
    found = split(memoryview(data), [Onnx()])
    assert found.note == ""
    assert [each.name for each in found.tensors] == ["a.weight", "b.weight"]
    for each, weight in zip(found.tensors, model.graph.initializer, strict=True):
        value = np.frombuffer(data, "<f4", each.spec.count, each.offset).reshape(each.spec.shape)
        np.testing.assert_array_equal(value, onnx.numpy_helper.to_array(weight))


def test_data_in_another_file(tmp_path: Path) -> None:
    layers = {"a.weight": array(1, 4, 400), "b.weight": array(2, 400, 4)}
    model = network(*((name.removesuffix(".weight"), value) for name, value in layers.items()))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.onnx.data")
    data = (tmp_path / "m.onnx.data").read_bytes()
    found = split(memoryview(data), [OnnxData()], None, neighbours_of(str(tmp_path / "m.onnx.data")))
    assert {each.name: each.spec.shape for each in found.tensors} == {
        name: value.shape for name, value in layers.items()
    }
    for each in found.tensors:
        assert data[each.offset :][: each.spec.nbytes] == layers[each.name].tobytes()


def test_a_merged_model_is_valid(tmp_path: Path) -> None:
    layers = ("a", array(1, 4, 8)), ("b", array(2, 8, 4))
    base, ours = network(*layers), network(*layers, ("c", array(3, 4, 4)))
    theirs = network(layers[0], ("b", array(4, 8, 4)), author="b")
    data, made = merged(*(each.SerializeToString() for each in (base, ours, theirs)))
    assert made.conflicts == ()
    (tmp_path / "m.onnx").write_bytes(data)
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (
        data
        == network(layers[0], ("b", array(4, 8, 4)), ("c", array(3, 4, 4)), author="b").SerializeToString()
    )
    from onnx.reference import ReferenceEvaluator

    x = array(5, 3, 4)
    (found,) = ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(found, x @ array(1, 4, 8) @ array(4, 8, 4) @ array(3, 4, 4), 1e-4, 1e-4)
