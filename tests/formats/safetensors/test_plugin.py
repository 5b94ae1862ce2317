from __future__ import annotations

import json
import struct
from contextlib import suppress

import pytest
from hypothesis import given

from git_theta import testing
from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.safetensors.plugin import Safetensors
from git_theta.model.tensor import TensorSpec
from tests.helpers.generators import broken, safetensors


def file(header: object, body: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def locate(data: bytes) -> Located:
    return Safetensors().locate(memoryview(data))


def entry(start: int, end: int, dtype: object = "F32", shape: object = (1,)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_contract() -> None:
    testing.check_format(
        Safetensors(),
        [
            file({}),
            file({"a": entry(0, 4), "b": entry(4, 4, "I8", [0, 2]), "c": entry(4, 5, "BOOL", [])}, b"12345"),
        ],
    )


@given(safetensors())
def test_every_tensor_is_found(data: bytes) -> None:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    header.pop("__metadata__", None)
    assert {tensor.name for tensor in locate(data).tensors} == set(header)


@given(broken(safetensors()))
def test_a_broken_file_is_read_or_refused(data: bytes) -> None:
    plugin = Safetensors()
    if plugin.matches(memoryview(data)):
        with suppress(FormatError):
            plugin.locate(memoryview(data))


@pytest.mark.parametrize(
    "data",
    [
        file({"a": entry(0, 4), "b": entry(2, 6)}, b"123456"),
        file({"a": entry(0, 8)}, b"12345678"),
        file({"a": entry(0, 4)}, b"123"),
        file({"a": entry(-4, 0)}, b"1234"),
        file({"a": entry(4, 0)}, b"1234"),
        file({"a": entry(0, 1 << 62, "F32", [1 << 60])}),
        file({"a": entry(0, 4, "F32", [1 << 31, 1 << 31, 1 << 31])}, b"1234"),
        file({"a": entry(0, 4, "F32", [-1, -1])}, b"1234"),
        file({"a": entry(0, 4, "F33")}, b"1234"),
        file({"a": entry(0, 4, ["F32"])}, b"1234"),
        file({"a": entry(0, 4, "F32", [True])}, b"1234"),
        file({"a": entry(0, 4, "F32", None)}, b"1234"),
        file({"a": 3}),
        file({"": entry(0, 4)}, b"1234"),
        file(b'{"a":' + b"[" * 100_000),
        file(b'{"a": 1, "a": 1}'),
        file(b"{not json}"),
        file(b'{"\xff": 1}'),
    ],
)
def test_lying_headers_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        locate(data)


@pytest.mark.parametrize(
    "data", [b"", b"12345678", file(b"[]"), file({}, length=1 << 62), file({}, length=1), file({}, length=3)]
)
def test_other_files_are_not_recognised(data: bytes) -> None:
    assert not Safetensors().matches(memoryview(data))


@pytest.mark.parametrize(("dtype", "bits"), [("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("F8_E8M0", 8)])
def test_elements_that_are_no_whole_bytes(dtype: str, bits: int) -> None:
    """Shapes are logical: a value has its elements times their bits."""
    nbytes = 64 * bits // 8
    (tensor,) = locate(file({"a": entry(0, nbytes, dtype, [8, 8])}, bytes(nbytes))).tensors
    assert (tensor.spec.dtype, tensor.spec.shape, tensor.spec.nbytes) == (dtype, (8, 8), nbytes)


def test_elements_that_end_in_a_byte() -> None:
    with pytest.raises(FormatError, match="whole blocks"):
        locate(file({"a": entry(0, 2, "F4", [3])}, bytes(2)))


def test_the_librarys_own_file_of_4_bit_floats() -> None:
    torch = pytest.importorskip("torch")
    save = pytest.importorskip("safetensors.torch").save
    if not hasattr(torch, "float4_e2m1fn_x2"):
        pytest.skip("this PyTorch has no 4-bit floats")
    packed = torch.arange(32, dtype=torch.uint8).reshape(4, 8)
    data = save({"a": packed.view(torch.float4_e2m1fn_x2), "b": torch.ones(3)})
    found = {tensor.name: tensor for tensor in locate(data).tensors}
    assert found["a"].spec == TensorSpec("F4", (4, 16))
    assert data[found["a"].offset :][:32] == bytes(range(32))
