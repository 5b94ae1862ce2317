"""The operands of pickle opcodes: numbers, strings and byte strings that follow an opcode in the data."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from git_theta.formats.pickle.machine import Machine
from git_theta.formats.pickle.nodes import Bytes

#: Bytes of one integer.
MAX_INTEGER = 1024

#: Characters of one integer that is written as text: time grows with their square.
_MAX_DIGITS = 4000


def number(code: str) -> Callable[[Machine], Any]:
    """A reader of numbers; `code` is one of `struct`."""
    reader = struct.Struct(code)
    return lambda m: m.number(reader)


def text(code: str) -> Callable[[Machine], str]:
    """A reader of strings after their size, which is of the struct `code`."""
    reader = struct.Struct(code)
    return lambda m: m.text(m.number(reader))


def byte_string(code: str) -> Callable[[Machine], Bytes]:
    """A reader of byte strings after their size, which is of the struct `code`."""
    reader = struct.Struct(code)

    def read(m: Machine) -> Bytes:
        size = m.number(reader)
        return Bytes(m.skip(size), size)

    return read


def long_integer(code: str) -> Callable[[Machine], int]:
    """A reader of integers of any size after the number of their bytes, which is of the struct `code`."""
    reader = struct.Struct(code)

    def read(m: Machine) -> int:
        size = m.number(reader)
        if size > MAX_INTEGER:
            raise ValueError(f"an integer of {size} bytes")
        start = m.skip(size)
        return int.from_bytes(m.data[start : start + size], "little", signed=True)

    return read


def integer_line(m: Machine) -> int | bool:
    """Read a line with an integer or, as `00` and `01`, a Boolean."""
    text = m.line()
    return text == "01" if text in ("00", "01") else _integer(text.removesuffix("L") or "0")


def index_line(m: Machine) -> int:
    """Read a line with an index of the memo."""
    return _integer(m.line())


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text)


def unicode_line(m: Machine) -> str:
    """Read a line of text; escapes in it stay as they are."""
    text = m.line()
    m.exact = m.exact and "\\" not in text
    return text


def string_line(m: Machine) -> str:
    """Read a line with a string in quotes."""
    text = unicode_line(m)
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
        raise ValueError("a string without quotes")
    return text[1:-1]
