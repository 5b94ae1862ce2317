"""The published check, on a format that keeps the contract and on formats that break a rule."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from git_theta.errors import FormatError
from git_theta.formats.base import Format, Located, Tensor
from git_theta.model.tensor import TensorSpec
from git_theta.testing import check_format

SAMPLE = b"FLOAT" + bytes(8)


class Floats:
    """`FLOAT`, then float32 values up to the end of the file."""

    name = "floats"

    def matches(self, data: memoryview) -> bool:
        return bytes(data[:5]) == b"FLOAT"

    def locate(self, data: memoryview) -> Located:
        if len(data) % 4 != 1:
            raise FormatError("a value is cut off")
        return Located((Tensor("values", TensorSpec("F32", (len(data) // 4 - 1,)), 5),))

    def scalars(self, data: memoryview) -> Iterable[tuple[str, str]]:
        return [("size", str(len(data)))]


class MatchesNothing(Floats):
    def matches(self, data: memoryview) -> bool:
        return False


class RaisesOnJunk(Floats):
    def matches(self, data: memoryview) -> bool:
        return data[0] == SAMPLE[0]


class RaisesOnDamage(Floats):
    def locate(self, data: memoryview) -> Located:
        return Located((Tensor("values", TensorSpec("F32", (2,)), 5 // (len(data) == len(SAMPLE))),))


class RefusesWithoutReason(Floats):
    def locate(self, data: memoryview) -> Located:
        if len(data) < len(SAMPLE):
            raise FormatError("")
        return super().locate(data)


class Outside(Floats):
    def locate(self, data: memoryview) -> Located:
        return Located((Tensor("values", TensorSpec("F32", (2,)), len(data)),))


class Moody(Floats):
    def __init__(self) -> None:
        self.calls = 0

    def locate(self, data: memoryview) -> Located:
        self.calls += 1
        return Located((Tensor(f"values {self.calls}", TensorSpec("F32", (2,)), 5),))


class ScalarsOfNumbers(Floats):
    def scalars(self, data: memoryview) -> Iterable[tuple[str, str]]:
        return [("size", len(data))]  # type: ignore[list-item]


class ScalarsOfOneName(Floats):
    def scalars(self, data: memoryview) -> Iterable[tuple[str, str]]:
        return [("size", "1"), ("size", "2")]


def test_a_format_that_keeps_the_contract() -> None:
    check_format(Floats(), [SAMPLE, b"FLOAT"])


@pytest.mark.parametrize(
    ("plugin", "broken_rule"),
    [
        (MatchesNothing(), "doesn't recognise a sample of 13 bytes"),
        (RaisesOnJunk(), "raises IndexError"),
        (RaisesOnDamage(), "raises ZeroDivisionError"),
        (RefusesWithoutReason(), "fails without saying why"),
        (Outside(), "lies outside the file"),
        (Moody(), "gives two answers for one file"),
        (ScalarsOfNumbers(), "isn't a string"),
        (ScalarsOfOneName(), "gives two scalars one name"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_a_broken_rule_is_named(plugin: Format, broken_rule: str) -> None:
    with pytest.raises(AssertionError, match=broken_rule):
        check_format(plugin, [SAMPLE])
