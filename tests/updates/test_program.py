from __future__ import annotations

from typing import Any

import pytest

from git_theta.errors import CorruptError
from git_theta.updates.program import MAX_INSTRUCTIONS, Program


@pytest.mark.parametrize(
    "field",
    [
        None,
        {},
        [],
        [[]],
        [7],
        [["exp", 0]],
        [["input"]],
        [["input", -1]],
        [["input", True]],
        [["input", 1]],
        [["input", 0, 0]],
        [["number", 1]],
        [["number", "1"]],
        [["index", 0]],
        [["uniform", -1]],
        [["uniform", 1 << 64]],
        [["input", 0], ["add", 0]],
        [["input", 0], ["add", 0, 0, 0]],
        [["input", 0], ["add", 0, 1]],
        [["input", 0], ["add", 0, -1]],
        [["input", 0], ["add", 0, 0.0]],
        [["input", 0], ["add", 0, False]],
        [["input", 0], ["not", 0]],
        [["input", 0], ["lt", 0, 0], ["neg", 1]],
        [["input", 0], ["lt", 0, 0]],
        [["input", 0], ["round", "BF16"]],
        [["input", 0], ["round", "BF16", 1]],
        [["input", 0], ["round", "BF16", False]],
        [["input", 0], ["round", "F64", 0]],
        [["input", 0], ["round", 0, 0]],
        [["input", 0], ["lt", 0, 0], ["round", "F16", 1]],
        [["input", 0], [["add"], 0, 0]],
        [["input", 0]] * (MAX_INSTRUCTIONS + 1),
    ],
)
def test_invalid_programs_are_refused(field: Any) -> None:
    with pytest.raises(CorruptError):
        Program.parse(field)


def test_a_program_with_many_results_at_once_gets_small_blocks() -> None:
    wide = [("input", at) for at in range(3000)]
    sums = [("add", 0, 1), *(("add", at, 2998 + at) for at in range(2, 3000))]
    program = Program((*wide, *sums))
    assert program.block < Program((("input", 0),)).block
    assert program.inputs == 3000
