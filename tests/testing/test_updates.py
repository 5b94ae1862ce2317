"""The published check, on built-in updates and on updates that break a rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from git_theta.model.tensor import TensorSpec
from git_theta.testing import check_update
from git_theta.updates.array import Array
from git_theta.updates.base import Base, Input, Payload, Pieces, UnsuitableError, Update, single_input
from git_theta.updates.cast import Cast
from git_theta.updates.dense import Dense
from git_theta.updates.ia3 import Ia3
from git_theta.updates.quantized import Quantized
from git_theta.updates.rows import Rows
from git_theta.updates.scaled_cast import ScaledCast
from git_theta.updates.side_loaded import Given
from git_theta.updates.sign import Sign

MATRIX = TensorSpec("F32", (6, 5))


def array(part: str, *shape: int) -> Array:
    numbers = np.random.default_rng(0).standard_normal(shape).astype("<f4")
    return Array(f"w/{part}", TensorSpec("F32", shape), memoryview(numbers.tobytes()))


GIVEN: list[tuple[Update, list[tuple[TensorSpec, Given]]]] = [
    (Rows(), []),
    (Cast(), []),
    (ScaledCast(), []),
    (Quantized(), []),
    (Sign(), []),
    (Ia3(), [(MATRIX, {"ia3": array("ia3", 6, 1)}), (TensorSpec("BF16", (5,)), {"ia3": array("ia3", 1)})]),
    (Dense(), [(MATRIX, {"": array("", 6, 5)}), (TensorSpec("F16", (2,)), {"": array("", 2)})]),
]


@pytest.mark.parametrize(("plugin", "given"), GIVEN, ids=[plugin.name for plugin, _ in GIVEN])
def test_built_in_updates(plugin: Update, given: list[tuple[TensorSpec, Given]]) -> None:
    check_update(plugin, given)


class Reversed:
    """A base with its bytes in reverse order, without a payload of its own."""

    name = "reversed"

    def accepts(self, spec: TensorSpec, base: TensorSpec) -> bool:
        return spec.nbytes == base.nbytes

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        raise UnsuitableError

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        yield memoryview(b"".join(map(bytes, single_input(inputs, self.name)(nbytes)))[::-1])


class Careless(Reversed):
    """An update that accepts any payload."""

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        yield b"payload"


def test_an_update_that_accepts_any_payload() -> None:
    check_update(Reversed())
    with pytest.raises(AssertionError, match="reversed a"):
        check_update(Careless())


def test_side_loading_needs_tensors() -> None:
    with pytest.raises(AssertionError, match="give the check some tensors"):
        check_update(Ia3())
    with pytest.raises(AssertionError, match="other parts"):
        check_update(Ia3(), [(MATRIX, {"vector": array("vector", 5)})])
