"""Dtypes of NumPy as nodes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from git_theta.formats.pickle.dtypes import PickledDtype, has_objects, read_dtype
from git_theta.formats.pickle.nodes import Dict, Global, Object
from git_theta.formats.pickle.unpickle_inert import read_pickle


def node(dtype: Any) -> Any:
    return read_pickle(pickle.dumps(np.dtype(dtype))).root


@pytest.mark.parametrize(
    ("dtype", "name", "size", "big_endian"),
    [
        ("<f4", "F32", None, False),
        (">f4", "F32", None, True),
        ("?", "BOOL", None, False),
        (">u1", "U8", None, False),
        ("<M8[ns]", "I64", None, False),
        ("<U3", "U8", 12, False),
        ("S5", "U8", 5, False),
        ("V7", "U8", 7, False),
        ([("a", "<i4"), ("b", "<f8", (2,))], "U8", 20, False),
    ],
)
def test_dtypes(dtype: Any, name: str, size: int | None, big_endian: bool) -> None:
    assert read_dtype(node(dtype)) == PickledDtype(name, size, big_endian)


def test_long_floats_are_bytes() -> None:
    found = read_dtype(node("longdouble"))
    size = np.dtype("longdouble").itemsize
    assert found == PickledDtype(*(("U8", size) if size > 8 else ("F64", None)), big_endian=False)


@pytest.mark.parametrize("dtype", ["O", [("a", "O")]])
def test_objects(dtype: Any) -> None:
    assert read_dtype(node(dtype)) is None
    assert has_objects(node(dtype))
    assert not has_objects(node("f4"))


def test_nodes_that_are_no_dtypes() -> None:
    state = (3, "<", None, None, None, -1, -1, 0)
    dtype = Global("numpy", "dtype")
    assert read_dtype(Object(dtype, ("f4", False, True), state)) is not None
    for wrong in (
        None,
        Dict([]),
        Object(dtype, ("f4",)),
        Object(dtype, (), state),
        Object(Global("os", "dtype"), ("f4",), state),
        Object(dtype, ("f4",), (3, "=", None, None, None, -1, -1, 0)),
        Object(dtype, ("f4",), (3, "", None, None, None, -1, -1, 0)),
        Object(dtype, ("f4",), (3, "<", (1, 2), None, None, -1, -1, 0)),
        Object(dtype, ("V-3",), (3, "|", None, None, None, -3, 1, 0)),
        Object(dtype, ("V9",), (3, "|", None, None, None, -9, 1, 0)),
        Object(dtype, ("V" + "9" * 30,), (3, "|", None, None, None, int("9" * 30), 1, 0)),
        Object(dtype, (Global("os", "bfloat16"),), state),
    ):
        assert read_dtype(wrong) is None
