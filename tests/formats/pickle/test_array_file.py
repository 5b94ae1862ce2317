"""Arrays in pickles, by the names of keys and attributes."""

from __future__ import annotations

import pickle
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from git_theta import formats
from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.pickle.array_file import array_file_scalars, locate_arrays
from git_theta.formats.split import OPAQUE, split
from tests.helpers.pickled import call, group, name, number, values_of, whole

GRID = np.arange(24, dtype="f4").reshape(2, 3, 4)

ARRAYS: dict[str, Any] = {
    "plain": GRID,
    "transposed": GRID[0].T,
    "permuted": GRID.transpose(1, 0, 2),
    "reversed": GRID[0, ::-1],
    "big-endian": GRID.astype(">f8"),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 3)),
    "complex": GRID.astype("c16"),
    "half": GRID.astype("f2"),
    "bool": GRID > 3,
    "small": np.arange(3, dtype="u1"),
    "one byte": np.array([7], "i1"),
}


class Model:
    """An object with attributes."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__ |= attributes


def found(data: bytes) -> dict[str, Tensor]:
    return {tensor.name: tensor for tensor in locate_arrays(memoryview(data)).tensors}


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("key", ARRAYS)
def test_values_are_those_that_numpy_reads(key: str, protocol: int) -> None:
    data = pickle.dumps({key: ARRAYS[key]}, protocol)
    (tensor,) = locate_arrays(memoryview(data)).tensors
    assert tensor.name == key
    assert tensor.spec.shape == ARRAYS[key].shape
    assert values_of(tensor, data) == pickle.loads(data)[key].tolist()


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_names_are_paths_of_attributes_keys_and_positions(protocol: int) -> None:
    tree = Model(nodes=GRID)
    model = Model(coefs_=[GRID, GRID + 1], estimators_=np.array([tree, None]), loss={"best": (1, GRID[0])})
    data = pickle.dumps(model, protocol)
    assert list(found(data)) == ["coefs_/0", "coefs_/1", "estimators_/0/nodes", "loss/best/1"]


def test_an_array_alone() -> None:
    assert list(found(pickle.dumps(GRID))) == ["tensor"]


def test_a_shared_array_has_two_names_and_one_place() -> None:
    data = pickle.dumps({"a": GRID, "b": GRID})
    tensors = found(data)
    assert list(tensors) == ["a", "b"]
    assert tensors["a"].offset == tensors["b"].offset


def test_several_pickles_in_a_file() -> None:
    data = pickle.dumps({"a": GRID}) + pickle.dumps([GRID + 1], 3)
    assert list(found(data)) == ["0/a", "1/0"]
    assert list(found(pickle.dumps({"a": GRID}) + b"and more")) == ["a"]
    with pytest.raises(FormatError):
        locate_arrays(memoryview(data[:-5]))


def test_records_texts_and_long_floats_are_bytes() -> None:
    arrays = {
        "records": np.array([(1, 2.0), (3, 4.0)], [("left", "<i4"), ("value", ">f8")]),
        "texts": np.array([["ab", "c"]]),
        "names": np.array([b"abc", b"d"]),
        "matrix": np.asfortranarray(np.array([["a", "b", "c"], ["d", "e", "f"]])),
    }
    for protocol in (3, 4, 5):
        data = pickle.dumps(arrays, protocol)
        for key, tensor in found(data).items():
            array = arrays[key]
            assert tensor.spec.dtype == "U8"
            assert tensor.spec.shape == (*array.shape, array.itemsize)
            plain = np.ascontiguousarray(array).view("u1").reshape(tensor.spec.shape)
            assert values_of(tensor, data) == plain.tolist()


def test_dates_are_numbers() -> None:
    days = np.array(["2020-01-01", "NaT"], "M8[D]")
    data = pickle.dumps(days)
    (tensor,) = found(data).values()
    assert values_of(tensor, data) == days.view("i8").tolist()


def test_dtypes_of_ml_dtypes() -> None:
    for dtype, wanted in ((ml_dtypes.bfloat16, "BF16"), (ml_dtypes.float8_e4m3fn, "F8_E4M3")):
        data = pickle.dumps(GRID.astype(dtype))
        (tensor,) = found(data).values()
        assert tensor.spec.dtype == wanted
        assert values_of(tensor, data) == GRID.astype(dtype).tolist()


def test_masked_arrays_have_their_data() -> None:
    masked = np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False])
    data = pickle.dumps(masked)
    (tensor,) = found(data).values()
    assert values_of(tensor, data) == [1.0, 2.0, 3.0]


def dtype_of_python_2(code: str) -> bytes:
    state = group(number(3), b"U\x01<", b"N", b"N", b"N", number(-1), number(-1), number(0))
    return (
        call("numpy", "dtype", b"U" + bytes([len(code)]) + code.encode(), number(0), number(1)) + state + b"b"
    )


@pytest.mark.parametrize("count", [3, 100])
def test_arrays_of_python_2(count: int) -> None:
    values = np.linspace(-1, 1, count, dtype="<f4")
    size = bytes([values.nbytes]) if count < 60 else values.nbytes.to_bytes(4, "little")
    raw = (b"U" if count < 60 else b"T") + size + values.tobytes()
    made = call(
        "numpy.core.multiarray", "_reconstruct", name("numpy", "ndarray"), group(number(0)), b"U\x01b"
    )
    state = group(number(1), group(number(count)), dtype_of_python_2("f4"), b"\x89", raw)
    data = whole(b"}(U\x01w" + made + state + b"bu")
    tensors = found(data)
    assert values_of(tensors["w"], data) == pickle.loads(data, encoding="latin1")["w"].tolist()


def test_arrays_of_jax() -> None:
    function, args, state = GRID.__reduce__()[:3]
    parts = {"weak_type": False}
    # The description that jax.Array.__reduce__ gives, without jax.
    inner = pickle.dumps((function, args, state, parts), 4)[11:-1]
    body = b"\x80\x04cjax._src.array\n_reconstruct_array\n" + inner + b"R."
    (tensor,) = found(body).values()
    assert values_of(tensor, body) == GRID.tolist()


def test_tensors_of_paddle_have_the_names_of_their_keys() -> None:
    array = pickle.dumps(GRID, 4)[11:-1]
    pair = b"\x8c\x08linear.w" + array + b"\x86\x85"
    data = b"\x80\x04}\x8c\x01wc__builtin__\ntuple\n" + pair + b"Rs."
    assert list(found(data)) == ["w"]


def test_python_3_writes_text_for_python_2() -> None:
    part = split(memoryview(pickle.dumps(GRID, 2)), formats.registry())
    assert part.format == OPAQUE
    assert part.note.startswith("a pickle whose arrays are text")


def test_arrays_of_objects_have_the_arrays_in_them() -> None:
    ragged = np.empty(2, object)
    ragged[:] = [GRID, {"w": GRID[0]}]
    assert list(found(pickle.dumps(ragged))) == ["0", "1/w"]


def test_arrays_that_lie_stay_in_the_layout() -> None:
    good = pickle.dumps(GRID, 4)
    assert found(good.replace(b"K\x02K\x03K\x04", b"K\x02K\x03K\x05")) == {}
    assert found(good.replace(b"\x8c\x02f4", b"\x8c\x02f9")) == {}
    assert found(good.replace(b"\x8c\x01<", b"\x8c\x01=")) == {}


def test_arrays_of_the_same_bytes_have_a_limit() -> None:
    data = pickle.dumps([np.zeros(1000)] * 10_000)
    with pytest.raises(FormatError, match="much larger"):
        locate_arrays(memoryview(data))


def test_a_byte_that_is_also_a_code_stays_in_the_layout() -> None:
    # Python has one object for all byte strings of the same single byte.
    assert found(pickle.dumps(np.array([98], "i1"), 4)) == {}


def test_plain_values_and_numbers_of_numpy() -> None:
    model = {
        "epoch": 3,
        "lr": np.float64(0.5),
        "seen": np.int32(7),
        "name": "x" * 2000,
        "w": GRID,
        "f": np.bool_(True),
    }
    scalars = dict(array_file_scalars(memoryview(pickle.dumps(model))))
    assert scalars["epoch"] == "3"
    assert (scalars["lr"], scalars["seen"], scalars["f"]) == ("0.5", "7", "True")
    assert scalars["name"].startswith("text of 2000 characters")
    assert not any(key.startswith("w") for key in scalars)


def test_long_texts_are_passed_over() -> None:
    assert list(found(pickle.dumps({"text": "x" * (1 << 17), "w": GRID}))) == ["w"]
