"""ExecuTorch's files, without ExecuTorch."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from tests.helpers.flatbuffer_files import flatbuffer

#: A part of a file: fields of a table by their numbers.
Table = dict[int, Any]


def tensor(
    index: int, sizes: Sequence[int], order: Sequence[int] = (), kind: int = 6, offset: int = 0, **more: Any
) -> Table:
    """A value of a program.

    Args:
        index: Its number among the constants, or among the mutable tensors.
        sizes: Its sizes.
        order: Its dimensions, from the one with the largest stride.
        kind: The number of its type.
        offset: Its first element in its data.
        more: `name`; `mutable=True`; `external=True`.
    """
    table: Table = {
        0: ("b", kind),
        1: ("i", offset),
        2: ("i", sizes),
        3: ("B", order or tuple(range(len(sizes)))),
    }
    table[5] = ("I", index)
    if more.get("mutable"):
        table[6] = {0: ("I", 1)}
    if more.keys() & {"name", "external"}:
        table[9] = {1: more.get("name", ""), 2: ("b", int(more.get("external", False)))}
    return {0: ("B", 5), 1: table}


def _segments(data: Sequence[bytes]) -> list[Table]:
    starts = [sum(map(len, data[:index])) for index in range(len(data))]
    return [{0: ("Q", start), 1: ("Q", len(each))} for start, each in zip(starts, data, strict=True)]


def _with_header(tables: bytes, magic: bytes, fields: int, base: int, segments: Sequence[bytes]) -> bytes:
    """The tables with a header of numbers, of which number `base` is where the segments begin."""
    size = len(tables) + 8 + 8 * fields
    numbers = [size] * fields
    numbers[base] = size
    header = struct.pack(f"<4sI{fields}Q", magic, 8 + 8 * fields, *numbers)
    root = struct.unpack_from("<I", tables)[0] + len(header)
    return struct.pack("<I", root) + tables[4:8] + header + tables[8:] + b"".join(segments)


def program_bytes(
    values: Sequence[Table],
    segments: Sequence[bytes] = (),
    constants: Sequence[int] = (),
    mutable: Sequence[int] = (),
    named: Mapping[str, int] | None = None,
    delegates: Sequence[int] = (),
    buffers: Sequence[bytes] = (),
) -> bytes:
    """A program of one method.

    Args:
        values: See `tensor`.
        segments: The data after the tables.
        constants: Offsets of constants in the first segment.
        mutable: Offsets of mutable tensors in the second segment.
        named: Key → number of a segment.
        delegates: Numbers of segments.
        buffers: Constants in the tables.
    """
    plan: Table = {
        0: "forward",
        2: list(values),
        7: [{0: "X", 1: {0: ("b", 1), 1: ("I", each)}} for each in delegates],
    }
    root: Table = {1: [plan], 4: _segments(segments)}
    if buffers:
        root[2] = [{0: each} for each in buffers]
    if constants:
        root[5] = {0: ("I", 0), 1: ("Q", constants)}
    if mutable:
        root[6] = [{0: ("I", 1), 1: ("Q", mutable)}]
    root[7] = [{0: key, 1: ("I", index)} for key, index in (named or {}).items()]
    return _with_header(flatbuffer(root, b"ET12"), b"eh00", 3, 1, segments)


def flat_tensor_bytes(entries: Mapping[str, tuple[int, Table | None]], segments: Sequence[bytes]) -> bytes:
    """A data file: name → number of a segment, and the layout of a tensor."""
    named = []
    for key, (index, described) in entries.items():
        named.append({0: key, 1: ("I", index)} | ({2: described} if described else {}))
    return _with_header(flatbuffer({1: _segments(segments), 2: named}, b"FT01"), b"FH01", 4, 2, segments)


def layout(sizes: Sequence[int], order: Sequence[int] = (), kind: int = 6) -> Table:
    """The layout of a tensor in a data file."""
    return {0: ("b", kind), 1: ("i", sizes), 2: ("B", order or tuple(range(len(sizes))))}
