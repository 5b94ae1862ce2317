"""Flax's checkpoints: arrays, other values, and files that are damaged."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import msgpack
import numpy as np
import pytest

from git_theta import testing
from git_theta.formats.flax.arrays import DTYPES
from git_theta.formats.flax.plugin import Flax
from git_theta.formats.split import split
from git_theta.model.tensor import numpy_dtype
from tests.helpers.flax_files import flax_bytes

TREE = {
    "params": {"dense": {"kernel": np.arange(12, dtype="f4").reshape(3, 4), "bias": np.ones(4, "f2")}},
    "opt_state": {"0": {"count": np.int32(7), "mu": np.zeros((0, 2), "f4")}, "1": {}},
    "step": 3,
    "rate": 0.5,
    "note": "größe",
    "phase": 1 + 2j,
    "flags": [True, None, np.bool_(True)],
    "raw": b"\0\1",
}


def values(data: bytes) -> dict[str, Any]:
    found = split(memoryview(data), [Flax()])
    assert (found.format, found.note) == ("flax", "")
    return {
        each.name: np.frombuffer(data, numpy_dtype(each.spec.dtype), each.spec.count, each.offset).reshape(
            each.spec.shape
        )
        for each in found.tensors
    }


def test_contract() -> None:
    testing.check_format(
        Flax(), [flax_bytes(TREE), flax_bytes({"a": np.float32(1)}), flax_bytes({"": TREE}, 8)]
    )


def test_arrays_and_names() -> None:
    found = values(flax_bytes(TREE))
    assert list(found) == [
        "params/dense/kernel",
        "params/dense/bias",
        "opt_state/0/count",
        "opt_state/0/mu",
        "flags/2",
    ]
    np.testing.assert_array_equal(found["params/dense/kernel"], TREE["params"]["dense"]["kernel"])
    assert found["opt_state/0/count"] == 7
    assert found["opt_state/0/mu"].shape == (0, 2)


@pytest.mark.parametrize("name", sorted(set(DTYPES) - {"V2"}))
def test_every_dtype(name: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    array = np.arange(6).astype(dtype).reshape(2, 3)
    (found,) = values(flax_bytes({"a": array})).values()
    assert found.dtype == dtype
    assert found.tobytes() == array.tobytes()


def test_large_arrays_in_chunks() -> None:
    array = np.arange(10, dtype="f4").reshape(2, 5)
    found = values(flax_bytes({"a": array}, 16))
    assert {name: each.tolist() for name, each in found.items()} == {
        "a/chunks/0": [0, 1, 2, 3],
        "a/chunks/1": [4, 5, 6, 7],
        "a/chunks/2": [8, 9],
    }


def test_other_dtypes_stay_in_the_layout() -> None:
    tree = {"w": np.ones(2, "f4"), "texts": np.array(["a", "b"]), "small": np.array([1], ml_dtypes.int4)}
    data = flax_bytes(tree)
    assert list(values(data)) == ["w"]
    assert set(dict(Flax().scalars(memoryview(data)))) == {"texts", "small"}


def test_other_values() -> None:
    assert dict(Flax().scalars(memoryview(flax_bytes(TREE)))) == {
        "step": "3",
        "rate": "0.5",
        "note": "'größe'",
        "phase": "(1+2j)",
        "flags/0": "True",
        "flags/1": "None",
        "raw": "2 bytes, CRC 36de2269",
    }


def _array(*parts: object) -> bytes:
    packed: bytes = msgpack.packb({"w": np.ones(2).tolist(), "a": msgpack.ExtType(1, msgpack.packb(parts))})
    return packed


ONE = msgpack.ExtType(1, msgpack.packb(([1], "uint8", b"a")))
HOSTILE = {
    "cut": (flax_bytes(TREE)[:-1], "ends inside a value"),
    "more": (flax_bytes(TREE) + b"\0", "1 bytes follow"),
    "other bytes": (_array([2], "float32", b"1234"), "has 4 bytes instead of 8"),
    "huge": (_array([1 << 62, 1 << 62], "float32", b""), "larger than any file"),
    "negative": (_array([-1], "float32", b""), "negative size"),
    "many sizes": (_array([1] * 99, "uint8", b"a"), "isn't one of shape"),
    "elements as a number": (_array([1], "uint8", 5), "isn't one of shape"),
    "no shape": (_array("x", "uint8", b"a"), "isn't one of shape"),
    "texts as sizes": (_array(["x"], "uint8", b"a"), "isn't one of shape"),
    "a dtype as bytes": (_array([1], b"uint8", b"a"), "isn't one of shape"),
    "truth as a size": (_array([True], "uint8", b"a"), "isn't one of shape"),
    "names": (msgpack.packb({"a": {"b": ONE}, "a/b": ONE}), "repeated"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str) -> None:
    data, message = HOSTILE[case]
    assert Flax().matches(memoryview(data))
    parts = split(memoryview(data), [Flax()])
    assert (parts.format, message in parts.note) == ("opaque", True), parts.note


@pytest.mark.parametrize(
    "data",
    [
        msgpack.packb({"a": 1}),
        msgpack.packb([ONE]),
        msgpack.packb({"a": msgpack.ExtType(1, b"abc")}),
        msgpack.packb({"a": msgpack.ExtType(1, b"")}),
        msgpack.packb({"a": msgpack.ExtType(5, b"\x93abcdef")}),
        msgpack.packb({"a": list(range(2000)), "b": ONE}),
        b"\x89PNG\r\n\x1a\n" + bytes(40),
        b"\x89HDF\r\n\x1a\n" + bytes(40),
    ],
)
def test_other_files(data: bytes) -> None:
    assert not Flax().matches(memoryview(data))


def test_a_file_of_the_library(tmp_path: Any) -> None:
    serialization = pytest.importorskip("flax.serialization")
    data = serialization.msgpack_serialize({key: TREE[key] for key in ("params", "opt_state", "step")})
    assert list(values(data)) == list(values(flax_bytes(TREE)))[:-1]
