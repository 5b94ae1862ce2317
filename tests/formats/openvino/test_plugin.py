"""Data files of OpenVINO's models, as the XML beside them describes them, rightly or not."""

from __future__ import annotations

import pytest

from git_theta import formats
from git_theta.formats.openvino.plugin import OpenVino
from git_theta.formats.split import OPAQUE, Split, split
from git_theta.model.tensor import TensorSpec
from tests.helpers.bundle_files import beside
from tests.helpers.openvino_files import Described, openvino_xml

DATA = bytes(range(64))
CONSTANTS: list[Described] = [
    ("w", "f32", (2, 3), 0, 24),
    ("b", "f16", (4,), 32, 8),
    ("w", "i64", (), 24, 8),
    ("tied", "f16", (4,), 32, 8),
    ("the same bytes", "i32", (2,), 32, 8),
    ("none", "f32", (0, 3), 8, 0),
]


def taken(data: bytes, xml: bytes | None, name: str = "model.bin") -> Split:
    return split(memoryview(data), formats.registry(), None, beside(name, {"model.xml": xml} if xml else {}))


def test_constants_of_the_model() -> None:
    found = taken(DATA, openvino_xml(CONSTANTS))
    assert (found.format, found.told, found.note) == ("openvino", True, "")
    assert {each.name: (each.spec, each.offset) for each in found.tensors} == {
        "w": (TensorSpec("F32", (2, 3)), 0),
        "w#2": (TensorSpec("I64", ()), 24),
        "b": (TensorSpec("F16", (4,)), 32),
        "tied": (TensorSpec("F16", (4,)), 32),
        "none": (TensorSpec("F32", (0, 3)), 8),
    }
    assert [literal.data for literal in found.layout.literals] == [DATA[40:]]


WRONG = {
    "no model": (DATA, None, "model.bin"),
    "another name": (DATA, openvino_xml(CONSTANTS), "other.bin"),
    "another suffix": (DATA, openvino_xml(CONSTANTS), "model.data"),
    "cut": (DATA[:39], openvino_xml(CONSTANTS), "model.bin"),
    "no constants": (DATA, openvino_xml([]), "model.bin"),
    "another kind of XML": (DATA, b"<html/>", "model.bin"),
    "overlap": (DATA, openvino_xml([("a", "f32", (2,), 0, 8), ("b", "f32", (2,), 4, 8)]), "model.bin"),
}


@pytest.mark.parametrize("case", WRONG)
def test_without_a_right_model_the_file_is_opaque(case: str) -> None:
    found = taken(*WRONG[case])
    assert (found.format, found.note) == (OPAQUE, "")


def test_bytes_alone_are_of_no_format() -> None:
    assert not OpenVino().matches(memoryview(DATA))
