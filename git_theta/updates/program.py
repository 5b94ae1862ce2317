"""Programs: element-wise arithmetic on values, as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from git_theta.errors import CorruptError

#: An operation and its operands: indices of earlier instructions.
Instruction = tuple[Any, ...]

#: Largest number of instructions: more than any merge needs.
MAX_INSTRUCTIONS = 10_000

#: Kinds of the operands and of the result of each operation: numbers (`n`) or masks (`m`).
OPERATIONS = {
    "add": ("nn", "n"),
    "sub": ("nn", "n"),
    "mul": ("nn", "n"),
    "div": ("nn", "n"),
    "min": ("nn", "n"),
    "max": ("nn", "n"),
    "neg": ("n", "n"),
    "abs": ("n", "n"),
    "sqrt": ("n", "n"),
    "sign": ("n", "n"),
    "lt": ("nn", "m"),
    "le": ("nn", "m"),
    "gt": ("nn", "m"),
    "ge": ("nn", "m"),
    "eq": ("nn", "m"),
    "and": ("mm", "m"),
    "or": ("mm", "m"),
    "not": ("m", "m"),
    "where": ("mnn", "n"),
}

#: Dtypes that a number may be rounded to on the way.
ROUNDED = ("F32", "BF16", "F16")

#: Elements of a block: they stay in a core's cache, and numpy's calls cost little.
_BLOCK = 1 << 15

#: Bytes of intermediate results that blocks are made smaller for, down to the smallest block.
_MEMORY = 32 << 20
_MIN_BLOCK = 1 << 8

#: Work for each element, of operations that take longer or less long than the others.
_WORK = {
    "number": 0,
    "input": 0,
    "uniform": 16,
    "sqrt": 4,
    "sign": 4,
    "min": 4,
    "max": 4,
    "where": 4,
    "round": 16,
}

#: Work for the call of an operation, however few the elements; as much is for reading it.
_CALL_WORK = 1500


@dataclass(frozen=True)
class Program:
    """Instructions in order; the result of the last one is the program's.

    An instruction is an operation of `OPERATIONS` with the indices of its operands, or one of
    `("input", index)`, `("number", float)`, `("index",)`, `("uniform", seed)`, and `("round", dtype, index)`.
    """

    steps: tuple[Instruction, ...]

    @classmethod
    def parse(cls, field: Any) -> Program:
        """The program in a payload's header.

        Raises:
            CorruptError: The field isn't a valid program, or its result is a mask.
        """
        if not isinstance(field, list) or not 0 < len(field) <= MAX_INSTRUCTIONS:
            raise CorruptError("the payload has no program")
        kinds = ""
        for step in field:
            kinds += _kind(step, kinds)
        program = cls(tuple(tuple(step) for step in field))
        if kinds[-1] != "n":
            raise CorruptError("the payload's program gives a mask")
        if {step[1] for step in program.steps if step[0] == "input"} != set(range(program.inputs)):
            raise CorruptError("the payload's program leaves out an input")
        return program

    def field(self) -> list[list[Any]]:
        """The form of a payload's header; the inverse of `parse`."""
        return [list(step) for step in self.steps]

    @cached_property
    def inputs(self) -> int:
        """Number of inputs."""
        return 1 + max((step[1] for step in self.steps if step[0] == "input"), default=-1)

    def operands(self, step: Instruction) -> tuple[int, ...]:
        """Indices of the instructions that an instruction takes as operands."""
        if step[0] == "round":
            return step[2:]
        return step[1:] if step[0] in OPERATIONS else ()

    @cached_property
    def last_uses(self) -> list[list[int]]:
        """For each instruction, the results that are used by it for the last time."""
        last_uses: list[list[int]] = [[] for _ in self.steps]
        seen: set[int] = {len(self.steps) - 1}
        for place in range(len(self.steps) - 1, -1, -1):
            for taken in (*self.operands(self.steps[place]), place):
                if taken not in seen:
                    seen.add(taken)
                    last_uses[place].append(taken)
        return last_uses

    @property
    def block(self) -> int:
        """Number of elements of a block, a power of two."""
        block = _BLOCK
        while block > _MIN_BLOCK and block * 8 * self._live > _MEMORY:
            block //= 2
        return block

    def work(self, count: int) -> int:
        """The work of `count` elements, as in `Demand`."""
        steps = sum(_WORK.get(step[0], 1) for step in self.steps)
        blocks = -(-count // self.block)
        return steps * count + len(self.steps) * (blocks + 1) * _CALL_WORK

    def memory(self, count: int) -> int:
        """Bytes of the numbers that are held at once for `count` elements."""
        return 8 * self._live * min(self.block, count)

    @cached_property
    def _live(self) -> int:
        """The largest number of results that are used later, and the inputs."""
        live = most = 0
        for done in self.last_uses:
            live += 1
            most = max(most, live)
            live -= len(done)
        return most + self.inputs


def _kind(step: Any, before: str) -> str:
    """The kind of an instruction's result.

    Args:
        step: The instruction.
        before: Kinds of the results of the instructions before it.

    Raises:
        CorruptError: The instruction isn't valid there.
    """
    match step:
        case ["input", int(place)] if type(place) is int and 0 <= place < MAX_INSTRUCTIONS:
            return "n"
        case ["number", float()] | ["index"]:
            return "n"
        case ["uniform", int(seed)] if type(seed) is int and 0 <= seed < 1 << 64:
            return "n"
        case ["round", str(dtype), int(place)] if (
            dtype in ROUNDED and type(place) is int and 0 <= place < len(before) and before[place] == "n"
        ):
            return "n"
        case [str(name), *taken] if name in OPERATIONS:
            takes, gives = OPERATIONS[name]
            known = all(type(place) is int and 0 <= place < len(before) for place in taken)
            if known and "".join(before[place] for place in taken) == takes:
                return gives
    raise CorruptError(f"the payload's program has no valid step {len(before)}")
