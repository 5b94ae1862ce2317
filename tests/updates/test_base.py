from __future__ import annotations

import numpy as np
import pytest

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Sample, single_input
from tests.helpers.weights import base_of, input_of


def test_a_base_is_read_in_chunks() -> None:
    spec = TensorSpec("U8", (100,))
    base = base_of(bytes(range(100)), spec)
    assert [bytes(chunk) for chunk in base.chunks(64)] == [bytes(range(64)), bytes(range(64, 100))]
    short = Base(spec, lambda _nbytes: iter([memoryview(bytes(99))]))
    with pytest.raises(CorruptError, match="another size"):
        list(short.chunks(64))


def test_a_part_of_a_sample_comes_from_all_over_it() -> None:
    spec = TensorSpec("F32", (1 << 18,))
    words = np.arange(1 << 18, dtype="<u4")
    value, base = Sample(spec, words, words + 1, 0, True).part()
    assert len(value) == len(base) == 1 << 16
    assert (base - value == 1).all()
    assert (value[0], value[-1]) == (0, (1 << 18) - 1)
    small = Sample(spec, words[:10], words[:10], 0, False)
    assert small.part()[0] is small.value


def test_an_update_of_one_base_has_one_input() -> None:
    one = input_of(b"")
    assert single_input([one], "delta") is one
    for wrong in ([], [one, one]):
        with pytest.raises(CorruptError, match=f"'delta' has one input, not {len(wrong)}"):
            single_input(wrong, "delta")
