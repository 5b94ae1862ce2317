"""Data files of TensorFlow's bundles, as the index beside them describes them, rightly or not."""

from __future__ import annotations

import pytest

from git_theta import formats
from git_theta.formats.split import OPAQUE, Split, split
from git_theta.formats.tensorflow.plugin import TensorFlowBundle
from git_theta.model.tensor import TensorSpec
from tests.helpers.bundle_files import NUMBERS, BundleTensor, beside, bundle

NAME = "variables.data-00000-of-00001"
TENSORS = {
    "layer/kernel/.ATTRIBUTES/VARIABLE_VALUE": BundleTensor.of("F32", 3, 2),
    "layer/bias/.ATTRIBUTES/VARIABLE_VALUE": BundleTensor.of("BF16", 2),
    "_CHECKPOINTABLE_OBJECT_GRAPH": BundleTensor("", (), b"a text"),
    "step": BundleTensor.of("I64"),
    "none": BundleTensor.of("F32", 0, 2),
}


def taken(data: bytes, index: bytes | None, name: str = NAME) -> Split:
    files = {} if index is None else {"variables.index": index}
    return split(memoryview(data), formats.registry(), None, beside(name, files))


def test_tensors_of_the_index() -> None:
    index, (data,) = bundle(TENSORS)
    found = taken(data, index)
    assert (found.format, found.told, found.note) == ("tensorflow", True, "")
    assert {each.name: each.spec for each in found.tensors} == {
        name: TensorSpec(each.dtype, each.shape) for name, each in TENSORS.items() if each.dtype
    }
    for each in found.tensors:
        assert data[each.offset :][: each.spec.nbytes] == TENSORS[each.name].data
    assert [literal.data for literal in found.layout.literals] == [b"a text"]


def test_each_data_file_has_its_own() -> None:
    some = {"a": BundleTensor.of("F32", 2), "b": BundleTensor.of("F16", 3, fill=2, shard=1)}
    index, files = bundle(some, shards=2)
    for number, name in enumerate("ab"):
        found = taken(files[number], index, f"variables.data-0000{number}-of-00002")
        assert [each.name for each in found.tensors] == [name]


@pytest.mark.parametrize("dtype", [dtype for dtype in NUMBERS if dtype])
def test_big_endian_elements(dtype: str) -> None:
    index, (data,) = bundle({"w": BundleTensor.of(dtype, 2, 3)}, big_endian=True)
    (tensor,) = taken(data, index).tensors
    assert tensor.spec == TensorSpec(dtype, (2, 3))
    assert tensor.big_endian == (dtype not in ("U8", "BOOL"))


def test_data_that_begin_as_a_file_of_another_format() -> None:
    index, (data,) = bundle({"w": BundleTensor("U8", (24,), b"GGUF\3" + bytes(19))})
    assert taken(data, index).format == "tensorflow"


INDEX, (DATA,) = bundle(TENSORS)
WRONG = {
    "no index": (DATA, None, NAME),
    "another name": (DATA, INDEX, "model.bin"),
    "another bundle": (DATA, INDEX, "other.data-00000-of-00001"),
    "another number of files": (DATA, INDEX, "variables.data-00000-of-00002"),
    "a file that the index lacks": (DATA, bundle(TENSORS, shards=2)[0], "variables.data-00001-of-00002"),
    "cut": (DATA[:-1], INDEX, NAME),
    "no table": (DATA, b"x" * 100, NAME),
}


@pytest.mark.parametrize("case", WRONG)
def test_without_a_right_index_the_file_is_opaque(case: str) -> None:
    found = taken(*WRONG[case])
    assert (found.format, found.note) == (OPAQUE, "")


def test_bytes_alone_are_of_no_format() -> None:
    assert not TensorFlowBundle().matches(memoryview(DATA))
    assert split(memoryview(DATA), formats.registry()).format == OPAQUE
