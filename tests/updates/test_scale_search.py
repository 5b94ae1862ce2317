from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base
from git_theta.updates.quantisation import Quantisation
from git_theta.updates.scale_search import find_scaling
from git_theta.updates.scaled_cast import ScaledCast
from tests.helpers.weights import base_of, joined

ROWS, COLUMNS = 160, 256
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def weights(dtype: str = "<f4") -> NDArray[Any]:
    """Numbers whose rows, columns, and parts have magnitudes of their own."""
    rng = np.random.default_rng(0)
    scale = np.exp(rng.normal(0, 0.5, (ROWS, 1)) + rng.normal(0, 0.5, COLUMNS))
    return (rng.standard_normal((ROWS, COLUMNS)) * scale * 0.05).astype("<f4").astype(dtype)


def quantised(numbers: NDArray[Any], block: tuple[int, int], most: float) -> NDArray[Any]:
    """Numbers divided by the largest magnitudes of blocks, so that these become the largest code."""
    rows, columns = block
    parts = np.abs(numbers).reshape(ROWS // rows, rows, COLUMNS // columns, columns)
    scales = (parts.max(axis=(1, 3)) / np.float32(most)).astype(numbers.dtype)
    quotients = (numbers / scales.repeat(rows, axis=0).repeat(columns, axis=1)).astype("<f4")
    if most == 127:
        return np.clip(np.rint(quotients), -128, 127).astype("i1")
    return quotients.astype(ml_dtypes.float8_e4m3fn)


def found(codes: NDArray[Any], numbers: NDArray[Any]) -> tuple[Quantisation | None, float]:
    """The scaling that's found, and the share of codes that are others than those."""
    spec = TensorSpec("I8" if codes.dtype.kind == "i" else "F8_E4M3", codes.shape)
    source = TensorSpec("F32" if numbers.dtype.itemsize == 4 else "BF16", numbers.shape)
    base = base_of(numbers.tobytes(), source)
    scaling = find_scaling(memoryview(codes.tobytes()), spec, base)
    return (None, 1.0) if scaling is None else (scaling[0], _wrong(codes, spec, base))


def _wrong(codes: NDArray[Any], spec: TensorSpec, base: Base) -> float:
    payload = joined(ScaledCast().encode(memoryview(codes.tobytes()), spec, base))
    made = joined(ScaledCast().decode(memoryview(payload), [base.read], spec.nbytes))
    return float((np.frombuffer(made, "u1") != np.frombuffer(codes.tobytes(), "u1")).mean())


@pytest.mark.parametrize("most", [127, 448])
@pytest.mark.parametrize("block", [(ROWS, COLUMNS), (1, COLUMNS), (ROWS, 1), (1, 64)])
def test_the_blocks_of_scales_are_found(block: tuple[int, int], most: float) -> None:
    numbers = weights()
    scaling, wrong = found(quantised(numbers, block, most), numbers)
    assert scaling == Quantisation(*block)
    assert wrong == 0


def test_square_blocks_at_the_edge_are_smaller() -> None:
    numbers = weights()
    codes = np.empty(numbers.shape, "i1")
    for row in (0, 128):
        for column in (0, 128):
            part = numbers[row : row + 128, column : column + 128]
            scale = np.abs(part).max() / np.float32(127)
            codes[row : row + 128, column : column + 128] = np.rint(part / scale)
    assert found(codes, numbers) == (Quantisation(128, 128), 0)


def test_scales_and_quotients_of_bfloat16_are_found() -> None:
    numbers = weights(BFLOAT16)
    scaling, wrong = found(quantised(numbers, (1, COLUMNS), 127), numbers)
    assert scaling == Quantisation(1, COLUMNS, scales="BF16", through="BF16")
    assert wrong == 0


def test_the_experts_of_a_stack_have_scales_of_their_own() -> None:
    numbers = weights()
    spec, source = TensorSpec("I8", (4, 40, COLUMNS)), TensorSpec("F32", (4, 40, COLUMNS))
    codes = quantised(numbers, (40, COLUMNS), 127)
    base = base_of(numbers.tobytes(), source)
    scaling = find_scaling(memoryview(codes.tobytes()), spec, base)
    assert scaling
    assert scaling[0] == Quantisation(40, COLUMNS)


def test_tuned_weights_give_most_of_the_codes() -> None:
    numbers = weights()
    codes = quantised(numbers, (1, COLUMNS), 127)
    noise = np.random.default_rng(1).standard_normal(numbers.shape) * np.abs(numbers).mean() * 1e-3
    scaling, wrong = found(codes, (numbers + noise).astype("<f4"))
    assert scaling
    assert wrong < 0.2


def test_zeros_have_any_scale() -> None:
    numbers = weights()
    codes = quantised(numbers, (1, COLUMNS), 127)
    numbers[3], codes[3] = 0, 0
    scaling, wrong = found(codes, numbers)
    assert scaling == Quantisation(1, COLUMNS)
    assert wrong == 0
