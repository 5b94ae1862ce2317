"""Constants of OpenVINO's models in XML, and hostile XML."""

from __future__ import annotations

import pytest

from git_theta.errors import FormatError
from git_theta.formats.openvino.constants import Constant, read_constants
from git_theta.model.tensor import TensorSpec
from tests.helpers.openvino_files import openvino_xml


def test_constants_of_all_kinds() -> None:
    described = [
        ("a&b", "f32", (2, 3), 0, 24),
        ("scalar", "i64", (), 24, 8),
        ("packed", "u4", (3, 4), 32, 6),
        ("odd", "nf4", (4,), 38, 2),
        ("text", "string", (1,), 40, 9),
        ("other size", "f16", (4,), 49, 9),
    ]
    assert read_constants(openvino_xml(described)) == [
        Constant("a&b", TensorSpec("F32", (2, 3)), 0),
        Constant("scalar", TensorSpec("I64", ()), 24),
        Constant("packed", TensorSpec("U4", (3, 4)), 32),
        Constant("odd", TensorSpec("U8", (2,)), 38),
        Constant("text", TensorSpec("U8", (9,)), 40),
        Constant("other size", TensorSpec("U8", (9,)), 49),
    ]


def test_constants_of_graphs_in_layers() -> None:
    inner = openvino_xml([("inner", "f32", (1,), 4, 4)]).partition(b"<layers>")[2].partition(b"</layers>")[0]
    loop = b'<layer id="9" name="loop" type="Loop"><data offset="1" /><body><layers>' + inner
    xml = openvino_xml([("w", "f32", (1,), 0, 4)])
    xml = xml.replace(b"</layers>", loop + b"</layers></body></layer></layers>")
    assert [each.name for each in read_constants(xml)] == ["w", "inner"]


_ENTITIES = '<!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'

HOSTILE = {
    "another document": (b"<html></html>", "a model's"),
    "no XML": (b"{}", "damaged"),
    "cut": (openvino_xml([])[:-9], "damaged"),
    "entities": (openvino_xml([]).replace(b"<net", _ENTITIES.encode() + b"<net"), "document type"),
    "negative offset": (openvino_xml([("a", "f32", (1,), -1, 4)]), "number belongs"),
    "long number": (openvino_xml([("a", "f32", (1,), 10**30, 4)]), "number belongs"),
    "huge": (openvino_xml([("a", "f32", (1,), 0, 10**18)]), "described wrongly"),
    "long name": (openvino_xml([("a" * 20_000, "f32", (1,), 0, 4)]), "longer names"),
    "nested": (openvino_xml([]).replace(b"<edges />", b"<a>" * 300 + b"</a>" * 300), "too deeply"),
    "no size": (openvino_xml([("a", "f32", (1,), 0, 4)]).replace(b' size="4"', b""), "number belongs"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_models_are_refused(case: str) -> None:
    xml, message = HOSTILE[case]
    with pytest.raises(FormatError, match=message):
        read_constants(xml)
