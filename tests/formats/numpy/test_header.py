"""Headers of NumPy's format: read, written, and those that lie."""

from __future__ import annotations

import io
import time

import ml_dtypes
import numpy as np
import pytest

from git_theta.errors import FormatError
from git_theta.formats.numpy.header import MAX_HEADER, NpyHeader, read_npy_header, write_npy_header
from git_theta.model.tensor import TensorSpec


def saved(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def read(data: bytes) -> NpyHeader:
    return read_npy_header(memoryview(data))


def by_hand(text: str, body: bytes = bytes(64), version: int = 1) -> bytes:
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes((version, 0)) + length + text.encode() + body


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "<u2", ">i2", "<f2", ">f4", "<f8", "<c8", ">c16", "<u8"])
def test_headers_by_numpy(version: tuple[int, int], dtype: str) -> None:
    for array in (np.zeros((2, 3), dtype), np.zeros((), dtype), np.zeros((0, 4), dtype), np.zeros(5, dtype)):
        data = saved(array, version)
        found = read(data)
        assert found.spec.shape == array.shape
        assert found.size + array.nbytes == len(data)
        assert found.big_endian == (array.dtype.byteorder == ">")
        assert found.strides is None


def test_bfloat16_is_written_without_a_type() -> None:
    assert read(saved(np.zeros(3, ml_dtypes.bfloat16))).spec == TensorSpec("BF16", (3,))


def test_the_order_of_fortran() -> None:
    array = np.asfortranarray(np.zeros((2, 3, 4), "f4"))
    assert read(saved(array)).strides == array.strides
    assert read(saved(np.asfortranarray(np.zeros((1, 3, 1))))).strides is None


@pytest.mark.parametrize(
    "text",
    [
        "{'shape': (2,3), 'descr': '<f4', 'fortran_order': False}",
        '{"descr":"<f4","fortran_order":False,"shape":(2, 3,)}\n',
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }",
    ],
)
def test_headers_by_other_programs(text: str) -> None:
    assert read(by_hand(text)).spec == TensorSpec("F32", (2, 3))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, "<f4"),
        np.zeros((2, 3), ">f8"),
        np.zeros((), "u1"),
        np.zeros((0, 100), "?"),
        np.asfortranarray(np.zeros((20, 3), "<c8")),
        np.zeros((2, 3), ml_dtypes.bfloat16),
    ],
)
def test_headers_are_written_as_numpy_does(array: np.ndarray) -> None:
    data = saved(array)
    found = read(data)
    assert write_npy_header(found.spec, found.fortran, found.big_endian) == data[: found.size]


def test_a_dtype_that_numpy_lacks() -> None:
    with pytest.raises(FormatError, match="F8_E4M3"):
        write_npy_header(TensorSpec("F8_E4M3", (2,)), False, False)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, "U4"),
        np.zeros(3, "M8[s]"),
        np.zeros(3, [("a", "f4")]),
        np.zeros(3, "V3"),
        np.zeros(3, ml_dtypes.float8_e4m3fn),
        np.zeros(3, ml_dtypes.float8_e5m2),
    ],
)
def test_other_dtypes_are_refused(array: np.ndarray) -> None:
    with pytest.raises(FormatError):
        read(saved(array))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff",
        saved(np.zeros(3))[:-1],
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (3), }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (,), }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (1 1,), }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999,), }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",), }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 70 + "), }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': '<f4', }"),
        by_hand("{'descr': True, 'fortran_order': False, 'shape': (3,), }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'shape': (2,), 'more': 1}"),
        by_hand("{'descr': '|f4', 'fortran_order': False, 'shape': (3,), }"),
        by_hand("{'descr': '=f4', 'fortran_order': False, 'shape': (3,), }"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } + 1"),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }" + " " * MAX_HEADER),
        by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", version=4),
    ],
)
def test_headers_that_lie_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        read(data)


def test_long_headers_take_no_longer_than_they_are() -> None:
    began = time.process_time()
    for begin, more in (("{", " "), ("{'shape': (", "1 "), ("{", "("), ("{'descr'", " ")):
        with pytest.raises(FormatError):
            read(by_hand(begin + more * (9_000 // len(more))))
    assert time.process_time() - began < 2
