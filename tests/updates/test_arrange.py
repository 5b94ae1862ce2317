from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.updates import arrange
from git_theta.updates.arrange import Arrange, Arrangement, arranged
from git_theta.updates.base import Pieces
from git_theta.updates.payload import pack_header
from git_theta.updates.strided_copy import Dimension, StridedCopy
from tests.helpers.weights import base_of, input_of, joined

SPEC = TensorSpec("F32", (6, 4))


def block(source: int, target: int, *dimensions: tuple[int, int, int]) -> StridedCopy:
    return StridedCopy(source, target, tuple(Dimension(*each) for each in dimensions))


def transposed(rows: int, columns: int) -> Arrangement:
    return Arrangement(((block(0, 0, (rows, columns, 1), (columns, 1, rows)),),), (rows * columns,))


@pytest.mark.parametrize("dtype", sorted(ITEM_SIZE))
def test_a_transposed_matrix_of_any_dtype(dtype: str) -> None:
    item = ITEM_SIZE[dtype]
    spec = TensorSpec(dtype, (30, 50))
    data = np.random.default_rng(0).bytes(spec.nbytes)
    expected = np.frombuffer(data, f"V{item}").reshape(30, 50).T.tobytes()
    found = arranged([base_of(data, spec)], transposed(30, 50), TensorSpec(dtype, (50, 30)))
    assert joined(found.read(spec.nbytes)) == expected


@pytest.mark.parametrize("window", [64, 1000, 4096])
@pytest.mark.parametrize("chunk", [16, 4096])
def test_a_value_larger_than_a_window(window: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrange, "_WINDOW", window)
    monkeypatch.setattr(arrange, "CHUNK", chunk)
    data = np.arange(40 * 30, dtype="<f4")
    spec = TensorSpec("F32", (30, 40))
    base = arranged([base_of(data.tobytes(), spec)], transposed(40, 30), spec)
    assert joined(base.read(spec.nbytes)) == data.reshape(40, 30).T.tobytes()


@pytest.mark.parametrize("window", [40, 1 << 20])
def test_parts_of_several_values_among_zeros(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrange, "_WINDOW", window)
    one, other = (np.arange(12, dtype="<f4").reshape(3, 4) + start for start in (1, 100))
    # The last input's middle row twice, and above, every other row of the first.
    arrangement = Arrangement(
        ((block(0, 0, (2, 8, 4), (4, 1, 1)),), (block(4, 16, (2, 0, 4), (4, 1, 1)),)), (12, 12)
    )
    inputs = [base_of(each.tobytes(), TensorSpec("F32", (3, 4))) for each in (one, other)]
    found = np.frombuffer(joined(arranged(inputs, arrangement, SPEC).read(SPEC.nbytes)), "<f4").reshape(6, 4)
    zeros = np.zeros((2, 4), "<f4")
    assert (found == np.concatenate([one[::2], zeros, other[1:2], other[1:2]])).all()


def test_an_input_is_read_to_its_end_so_that_it_is_verified() -> None:
    def read(_nbytes: int) -> Pieces:
        yield memoryview(bytes(48))
        raise CorruptError("another digest")

    payload = Arrange().encode_arrangement(Arrangement(((block(0, 0, (4, 1, 1)),),), (24,)), SPEC)
    with pytest.raises(CorruptError, match="another digest"):
        joined(Arrange().decode(memoryview(payload), [read], SPEC.nbytes))


def test_an_input_of_another_size_is_refused() -> None:
    def read(_nbytes: int) -> Pieces:
        yield memoryview(bytes(SPEC.nbytes - 4))

    payload = Arrange().encode_arrangement(transposed(6, 4), SPEC)
    with pytest.raises(CorruptError):
        joined(Arrange().decode(memoryview(payload), [read], SPEC.nbytes))


@given(st.binary(max_size=80))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(CorruptError):
        joined(Arrange().decode(memoryview(junk), [input_of(bytes(96))], 96))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"inputs": [24], "copies": []},
        {"inputs": [24], "copies": [[]]},
        {"inputs": [24, 24], "copies": [[[0, 0]], [[0, 1]]]},
        {"inputs": [0], "copies": [[[0, 0]]]},
        {"inputs": [-1], "copies": [[[0, 0]]]},
        {"inputs": ["24"], "copies": [[[0, 0]]]},
        {"inputs": [1 << 60], "copies": [[[0, 0]]]},
        {"inputs": [24], "copies": [{}]},
        {"inputs": [24], "copies": [[[24, 0]]]},
        {"inputs": [24], "copies": [[[0, 24]]]},
        {"inputs": [24], "copies": [[[0, 0, 25, 0, 1]]]},
        {"inputs": [24], "copies": [[[0, 0]] * 10_001]},
    ],
)
def test_made_up_arrangements_are_refused(fields: dict[str, object]) -> None:
    payload = pack_header({"update": "arrange", "dtype": "F32", "shape": [6, 4], **fields})
    for asked in (
        lambda: joined(Arrange().decode(memoryview(payload), [input_of(bytes(96))], 96)),
        lambda: Arrange().demand(lambda: memoryview(payload), 1, 96),
    ):
        with pytest.raises(CorruptError):
            asked()


def test_wrong_sizes_payloads_and_numbers_of_inputs_are_refused() -> None:
    payload = memoryview(Arrange().encode_arrangement(transposed(6, 4), SPEC))
    one = input_of(bytes(96))
    for data, inputs, size in (
        (payload, [one], 112),
        (payload[:40], [one], 96),
        (None, [one], 96),
        (payload, [one, one], 96),
        (payload, [], 96),
    ):
        with pytest.raises(CorruptError):
            joined(Arrange().decode(data, inputs, size))


def test_what_it_takes_is_told_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    def demand(arrangement: Arrangement, spec: TensorSpec) -> tuple[tuple[int, ...], int, bool]:
        payload = memoryview(Arrange().encode_arrangement(arrangement, spec))
        found = Arrange().demand(lambda: payload, len(arrangement.counts), spec.nbytes)
        return found.inputs, found.passes, found.in_turn

    spec = TensorSpec("F32", (30, 40))
    assert demand(transposed(40, 30), spec) == ((4800,), 1, True)
    monkeypatch.setattr(arrange, "_WINDOW", 1000)
    assert demand(transposed(40, 30), spec) == ((4800,), 5, True)
    # A stack: each part is in one window or two.
    parts = tuple((block(0, at * 100, (100, 1, 1)),) for at in range(12))
    assert demand(Arrangement(parts, (100,) * 12), spec) == ((400,) * 12, 2, True)
