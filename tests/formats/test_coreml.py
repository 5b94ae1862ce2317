"""Core ML's weights: every type, and damaged files."""

from __future__ import annotations

import struct
from random import Random

import numpy as np
import pytest

from git_theta import testing
from git_theta.formats.coreml import DTYPES, CoreMl
from git_theta.formats.split import split
from git_theta.model.tensor import BLOCKS, TensorSpec
from tests.helpers.coreml_files import weight_bin

WEIGHTS = [("F16", b"abcd"), ("F32", np.arange(20, dtype="<f4").tobytes()), ("I8", b"abc")]
FILE = weight_bin(WEIGHTS)


def found(data: bytes) -> dict[str, tuple[TensorSpec, bytes]]:
    parts = split(memoryview(data), [CoreMl()])
    assert (parts.format, parts.note) == ("coreml", "")
    return {each.name: (each.spec, data[each.offset :][: each.spec.nbytes]) for each in parts.tensors}


def test_contract() -> None:
    testing.check_format(CoreMl(), [FILE, weight_bin([("U4", b"")])])


def test_weights_in_order() -> None:
    assert found(FILE) == {
        "0": (TensorSpec("F16", (2,)), b"abcd"),
        "1": (TensorSpec("F32", (20,)), WEIGHTS[1][1]),
        "2": (TensorSpec("I8", (3,)), b"abc"),
    }


def test_every_type() -> None:
    specs = [TensorSpec(dtype, (6 * BLOCKS.get(dtype, (1, 1))[0],)) for dtype in DTYPES.values()]
    contents = [Random(spec.dtype).randbytes(spec.nbytes) for spec in specs]
    data = weight_bin([(spec.dtype, content) for spec, content in zip(specs, contents, strict=True)])
    assert list(found(data).values()) == list(zip(specs, contents, strict=True))


def test_weights_that_stay_in_the_layout() -> None:
    assert list(found(weight_bin([(12, b"abc"), ("F16", b"abc"), ("F16", b"ab")]))) == ["2"]
    assert found(weight_bin([("U4", b"abc")], padding=4)) == {}


def test_anything_where_only_packed_types_have_a_meaning() -> None:
    assert found(weight_bin(WEIGHTS, padding=11_751_492_080)).keys() == found(FILE).keys()


def _patched(place: int, form: str, value: int) -> bytes:
    data = bytearray(FILE)
    struct.pack_into("<" + form, data, place, value)
    return bytes(data)


HOSTILE = {
    "cut": (FILE[:-64], "outside the file"),
    "cut in a record": (FILE[:200], "ends before weight 1"),
    "many": (_patched(0, "I", 1 << 31), "more than 100,000"),
    "more than there are": (_patched(0, "I", 4), "ends before weight 3"),
    "no mark": (_patched(192, "I", 0), "no weight begins at byte 192"),
    "long": (_patched(72, "Q", 1 << 62), "outside the file"),
    "wrapping": (_patched(80, "Q", (1 << 64) - 64), "outside the file"),
    "before its record": (_patched(80, "Q", 0), "before its record"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str) -> None:
    data, message = HOSTILE[case]
    assert CoreMl().matches(memoryview(data))
    parts = split(memoryview(data), [CoreMl()])
    assert (parts.format, message in parts.note) == ("opaque", True), parts.note


@pytest.mark.parametrize("data", [bytes(200), FILE[:100], _patched(4, "I", 1), _patched(80, "Q", 129)])
def test_other_files(data: bytes) -> None:
    assert not CoreMl().matches(memoryview(data))


def test_the_library_reads_the_same_values(tmp_path: object) -> None:
    storage = pytest.importorskip("coremltools.libmilstoragepython")
    path = f"{tmp_path}/weight.bin"
    with open(path, "wb") as file:
        file.write(FILE)
    reader = storage._BlobStorageReader(path)
    np.testing.assert_array_equal(reader.read_float_data(64 + 128), np.arange(20, dtype="f4"))
