"""Arrays that joblib writes between the opcodes of a pickle."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest

from git_theta.errors import FormatError
from git_theta.formats.pickle import array_machine
from git_theta.formats.pickle.array_file import locate_arrays
from git_theta.formats.pickle.array_machine import read_array_pickles
from tests.helpers.pickled import dtype, joblib_array, number, text, values_of, whole

VALUES = np.arange(6, dtype="<f4").reshape(2, 3)


def test_elements_after_their_padding() -> None:
    elements = b"\x05" + b"\xff" * 5 + VALUES.tobytes()
    array = joblib_array((2, 3), dtype("f4")) + elements
    data = whole(b"}(" + text("w") + array + text("epoch") + number(3) + b"u")
    (tensor,) = locate_arrays(memoryview(data)).tensors
    assert tensor.name == "w"
    assert values_of(tensor, data) == VALUES.tolist()


def test_earlier_versions_have_no_padding() -> None:
    data = whole(joblib_array((3, 2), dtype("f4"), "F", aligned=False) + VALUES.tobytes())
    (tensor,) = locate_arrays(memoryview(data)).tensors
    assert values_of(tensor, data) == VALUES.T.tolist()


def test_an_array_of_objects_is_a_pickle_in_the_pickle() -> None:
    inner = np.empty(2, object)
    inner[:] = [{"w": VALUES}, None]
    nested = pickle.dumps(inner, 4)
    data = whole(
        b"}(" + text("trees") + joblib_array((2,), dtype("O8", 63)) + nested + text("b") + number(1) + b"u"
    )
    (tensor,) = locate_arrays(memoryview(data)).tensors
    assert tensor.name == "trees/0/w"
    assert values_of(tensor, data) == VALUES.tolist()


@pytest.mark.parametrize(
    "elements",
    [b"", b"\0", b"\xff" + bytes(24), b"\0" + bytes(20)],
)
def test_elements_that_are_cut_off(elements: bytes) -> None:
    with pytest.raises(FormatError):
        read_array_pickles(memoryview(b"\x80\x04" + joblib_array((2, 3), dtype("f4")) + elements))


def test_dtypes_and_shapes_that_lie() -> None:
    for kind, shape in (
        (dtype("f9"), (2,)),
        (dtype("f4"), (-1,)),
        (dtype("f4"), (1 << 62, 1 << 62)),
        (b"N", (2,)),
    ):
        with pytest.raises(FormatError):
            read_array_pickles(memoryview(whole(joblib_array(shape, kind) + bytes(64))))


def test_many_nested_pickles_need_no_recursion() -> None:
    many = 3000
    data = b"\x80\x04" + joblib_array((1,), dtype("O8", 63)) * many + b"N" + b"." * (many + 1)
    assert len(read_array_pickles(memoryview(data))) == 1


def test_there_is_a_bound_on_opcodes_of_all_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_machine, "MAX_OPCODES", 100)
    with pytest.raises(FormatError, match="more than 100 opcodes"):
        read_array_pickles(memoryview(whole(b"N" * 60) * 2))


def test_lengths_of_byte_strings_of_python_2() -> None:
    for code in (b"T\xff\xff\xff\xff", b"T" + struct.pack("<i", 9), b"U\x09"):
        with pytest.raises(FormatError):
            read_array_pickles(memoryview(code + b"abc."))
    assert read_array_pickles(memoryview(b"U\x02a\xff.")) == ["a\\xff"]
