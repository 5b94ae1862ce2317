"""MessagePack: the leaves of a tree of maps and lists, each with its path and its place in the file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from git_theta.errors import FormatError

#: Bytes of a number by the first byte of its value, and of a length by that of an item of some length.
_NUMBERS = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_LISTS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}

#: Nil, false and true, which have no content.
_CONSTANTS = (0xC0, 0xC2, 0xC3)

#: The kinds of values: leaves, and others.
NUMBER, TEXT, BYTES, EXTENSION = "number", "text", "bytes", "extension"
LIST, MAP = "list", "map"

#: Values of a file, depth of its tree, characters of a path and of all paths.
_MAX_VALUES = 300_000
_MAX_DEPTH = 100
_MAX_PATH = 4096
_MAX_PATHS = 1 << 26


class Leaf(NamedTuple):
    """A value that has no values inside.

    Attributes:
        path: The keys and positions that lead to it, joined by `/`.
        kind: `NUMBER`, which nil, false and true are too, `TEXT`, `BYTES` or `EXTENSION`.
        start: Position of the whole value.
        content: Position of its content.
        end: Position after it.
        code: The type of an extension, else 0.
    """

    path: str
    kind: str
    start: int
    content: int
    end: int
    code: int = 0


class ValueHead(NamedTuple):
    """The beginning of a value.

    Attributes:
        kind: That of a leaf, `LIST` or `MAP`.
        length: Bytes of a leaf's content; the number of items.
        content: Position of the content.
        code: The type of an extension, else 0.
    """

    kind: str
    length: int
    content: int
    code: int = 0


def leaves(data: memoryview, start: int = 0, end: int | None = None) -> Iterator[Leaf]:
    """The leaves of the one value that bytes of a file are, in order.

    Args:
        data: The file.
        start: Position of the value.
        end: Position after it; the file's end if it's `None`.

    Raises:
        FormatError: The bytes aren't one value, a key is neither a text nor a whole number, or there are more
            or deeper values than any real file has.
    """
    end = len(data) if end is None else end
    position, count, characters = start, 0, 0
    # Of each container: path, keys or not, items left, and the number of the next one.
    pending: list[tuple[str, bool, int, int]] = [("", False, 1, -1)]
    while pending:
        parent, keyed, left, number = pending.pop()
        if not left:
            continue
        pending.append((parent, keyed, left - 1, number + 1))
        if keyed:
            key, position = value_key(data, position, end)
        else:
            key = str(number) if number >= 0 else ""
        path = child_path(parent, key)
        count, characters = count + 1, characters + len(path)
        if count > _MAX_VALUES or len(path) > _MAX_PATH or characters > _MAX_PATHS:
            raise FormatError("it has more values, or longer names, than any real file")
        head = value_head(data, position, end)
        if head.kind in (LIST, MAP):
            if len(pending) > _MAX_DEPTH:
                raise FormatError(f"values are nested more than {_MAX_DEPTH} deep")
            pending.append((path, head.kind == MAP, head.length, 0))
            position = head.content
            continue
        stop = head.content + head.length
        if stop > end:
            raise FormatError("the file ends inside a value")
        yield Leaf(path, head.kind, position, head.content, stop, head.code)
        position = stop
    if position != end:
        raise FormatError(f"{end - position:,} bytes follow the tree")


def child_path(parent: str, key: str) -> str:
    """The path of an item."""
    return f"{parent}/{key}" if parent and key else parent or key


def value_key(data: memoryview, position: int, end: int) -> tuple[str, int]:
    """A key as a text, and the position after it.

    Raises:
        FormatError: It's neither a text nor a whole number, or the file ends before.
    """
    head = value_head(data, position, end)
    stop = head.content + head.length
    if stop > end:
        raise FormatError("the file ends inside a key")
    content = data[head.content : stop]
    if head.kind == TEXT:
        try:
            return str(content, "utf-8"), stop
        except UnicodeDecodeError as error:
            raise FormatError("a key isn't UTF-8") from error
    number = number_of(data[position], content) if head.kind == NUMBER else None
    if type(number) is not int:
        raise FormatError("a key is neither a text nor a whole number")
    return str(number), stop


def number_of(first: int, content: memoryview) -> int | float | bool | None:
    """The value of a leaf that's a `NUMBER`.

    Args:
        first: Its first byte.
        content: Its content.
    """
    if first in _CONSTANTS:
        return (None, False, True)[_CONSTANTS.index(first)]
    if first not in _NUMBERS:
        return first if first < 0x80 else first - 0x100
    if first in (0xCA, 0xCB):
        return float(struct.unpack(">f" if first == 0xCA else ">d", content)[0])
    return int.from_bytes(content, "big", signed=first >= 0xD0)


def value_head(data: memoryview, position: int, end: int) -> ValueHead:
    """The beginning of a value.

    Raises:
        FormatError: The file ends before, or no value begins like that.
    """
    if position >= end:
        raise FormatError("the file ends before a value")
    first, after = data[position], position + 1
    if first < 0x80 or first >= 0xE0 or first in _CONSTANTS:
        return ValueHead(NUMBER, 0, after)
    if first < 0xC0:
        kind, mask = (MAP, 0xF) if first < 0x90 else (LIST, 0xF) if first < 0xA0 else (TEXT, 0x1F)
        return ValueHead(kind, first & mask, after)
    if first in _NUMBERS:
        return ValueHead(NUMBER, _NUMBERS[first], after)
    if 0xD4 <= first <= 0xD8:
        return _extension(data, after, end, 1 << first - 0xD4)
    for kind, widths in _KINDS:
        if first in widths:
            content = after + widths[first]
            length = int.from_bytes(data[after:content], "big")
            return (
                _extension(data, content, end, length)
                if kind == EXTENSION
                else ValueHead(kind, length, content)
            )
    raise FormatError(f"no value begins like the one at byte {position}")


def _extension(data: memoryview, position: int, end: int, length: int) -> ValueHead:
    if position >= end:
        raise FormatError("the file ends before a value")
    return ValueHead(EXTENSION, length, position + 1, data[position])


_KINDS = ((TEXT, _TEXTS), (BYTES, _BYTES), (LIST, _LISTS), (MAP, _MAPS), (EXTENSION, _EXTENSIONS))
