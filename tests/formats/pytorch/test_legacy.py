"""Files by PyTorch before 1.6."""

from __future__ import annotations

import contextlib
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta import testing
from git_theta.errors import FormatError
from git_theta.formats.pytorch.legacy import PyTorchLegacy
from tests.helpers.generators import broken
from tests.helpers.pickled import group, legacy, mapping, number, storage, tensor, text, values_of, whole

SIX = np.arange(6, dtype="<f4").tobytes()
OLD = legacy(mapping({"a": tensor(storage("0", 6, "FloatStorage", b"N"), (2, 3))}), {"0": (6, SIX)})


def test_contract() -> None:
    testing.check_format(PyTorchLegacy(), [OLD])


def test_tensors_are_found() -> None:
    assert PyTorchLegacy().matches(memoryview(OLD))
    assert not PyTorchLegacy().matches(memoryview(whole(b"N")))
    (found,) = PyTorchLegacy().locate(memoryview(OLD)).tensors
    assert (found.name, found.big_endian) == ("a", False)
    assert values_of(found, OLD) == [[0, 1, 2], [3, 4, 5]]


def test_magic_numbers_of_every_protocol() -> None:
    for protocol in range(6):
        data = pickle.dumps(0x1950A86A20F9469CFC6C, protocol)
        assert PyTorchLegacy().matches(memoryview(data))


def test_order_of_storages_views_and_byte_order() -> None:
    piece = group(text("x"), number(2), number(3))
    tree = group(
        tensor(storage("b", 6, "FloatStorage", piece), (3,)),
        tensor(storage("a", 2, "LongStorage", b"N"), (2,)),
    )
    pair = struct.pack(">2q", 7, 8)
    data = legacy(tree, {"a": (2, pair), "b": (6, np.arange(6, dtype=">f4").tobytes())}, little=False)
    part, longs = PyTorchLegacy().locate(memoryview(data)).tensors
    assert (part.name, longs.name, part.big_endian) == ("0", "1", True)
    assert values_of(part, data) == [2, 3, 4]
    assert values_of(longs, data) == [7, 8]


@pytest.mark.parametrize(
    "data",
    [
        legacy(tensor(storage("0", 6), (6,)), {"0": (5, SIX[4:])}),
        legacy(tensor(storage("0", 6), (6,)), {"0": (-1, SIX)}),
        legacy(tensor(storage("0", 6), (6,)), {"1": (6, SIX)}),
        legacy(tensor(storage("0", 6), (6,)), {}),
        legacy(b"N", {"0": (6, SIX)}),
        legacy(
            tensor(storage("0", 6, "FloatStorage", group(text("x"), number(5), number(2))), (1,)),
            {"0": (6, SIX)},
        ),
    ],
)
def test_impossible_files_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        PyTorchLegacy().locate(memoryview(data))


@given(broken(st.just(OLD)))
def test_a_broken_file_is_read_or_refused(data: bytes) -> None:
    PyTorchLegacy().matches(memoryview(data))
    with contextlib.suppress(FormatError):
        PyTorchLegacy().locate(memoryview(data))


def test_truncation_at_every_byte() -> None:
    for size in range(len(OLD)):
        with pytest.raises(FormatError):
            PyTorchLegacy().locate(memoryview(OLD)[:size])
