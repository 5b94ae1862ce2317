from __future__ import annotations

import numpy as np
import pytest

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.patching import parts as module
from git_theta.updates.patching.alignment import Stretch
from git_theta.updates.patching.parts import PatchPart, pack_parts, parts_of, unpack_parts
from tests.helpers.weights import trained, tuned

SPEC = TensorSpec("F32", (1 << 14,))
OLD = trained(SPEC)
NEW = tuned(OLD, SPEC)
SIZE = len(OLD)


def found(value: bytes, base: bytes, *stretches: Stretch) -> list[PatchPart]:
    return parts_of(np.frombuffer(value, np.uint8), np.frombuffer(base, np.uint8), stretches)


def test_parts_have_whole_words() -> None:
    value = b"longer" + NEW
    assert found(value, b"old" + OLD, Stretch(4, SIZE, -3)) == [
        PatchPart(6, 3, SIZE - 4, "F32"),
        PatchPart(4, 0, 0, "U8"),
    ]


def test_equal_bytes_are_one_part() -> None:
    assert found(OLD, b"x" + OLD, Stretch(0, SIZE, 1)) == [PatchPart(0, 1, SIZE, "U8")]


def test_a_value_without_stretches_is_new() -> None:
    assert found(OLD, NEW) == [PatchPart(SIZE, 0, 0, "U8")]


def test_the_longest_parts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PARTS", 3)
    stretches = [Stretch(1000 * n, 600 + n, 0) for n in range(6)]
    parts = found(OLD, OLD, *stretches)
    assert [(part.new, part.length) for part in parts] == [(4000, 604), (396, 605), (SIZE - 5605, 0)]


def test_parts_come_back_from_a_header() -> None:
    parts = [PatchPart(3, 50, 8, "F32"), PatchPart(0, 10, 5, "U8"), PatchPart(7, 0, 0, "U8")]
    packed = pack_parts(parts)
    restored = unpack_parts(packed, 23, 100)
    assert [part._replace(start=0) if not part.length else part for part in restored] == parts
    assert (pack_parts(restored) == packed).all()
    assert pack_parts([]).shape == (4, 0)


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [23, 0, 0, 9],
        [0, 180, 23, 0],
        [0, 1, 23, 0],
        [0, 0, 22, 0],
        [0, 0, 24, 0],
        [1, 0, 22, 3],
        [1 << 63, 0, 1 << 63, 0],
        [0, (1 << 64) - 1, 23, 0],
        [0, (1 << 64) - 2, 23, 0],
    ],
)
def test_made_up_parts_are_refused(numbers: list[int]) -> None:
    with pytest.raises(CorruptError):
        unpack_parts(np.array(numbers, np.uint64).reshape(4, -1), 23, 100)
