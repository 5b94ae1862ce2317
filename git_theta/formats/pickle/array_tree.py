"""The children and the plain values of the objects in pickles of arrays."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from git_theta.formats.pickle.arrays import array_parts, is_joblib_array
from git_theta.formats.pickle.dtypes import read_dtype
from git_theta.formats.pickle.nodes import Bytes, Global, Object
from git_theta.formats.pickle.plain_values import plain_text
from git_theta.formats.pickle.tree import Edge, container_edges, item_edges
from git_theta.formats.pytorch.tree import edges_of as torch_edges_of

#: Dtype → code of `struct`.
_NUMBERS = {
    "BOOL": "?",
    "U8": "B",
    "I8": "b",
    "U16": "H",
    "I16": "h",
    "F16": "e",
    "U32": "I",
    "I32": "i",
    "F32": "f",
    "U64": "Q",
    "I64": "q",
    "F64": "d",
}

#: Characters of a text that is shown as it is.
_MAX_SHOWN = 1000


def edges_of(node: Any, first: bool, is_tensor: bool) -> Iterator[Edge]:
    """The steps from a node to its children; see `git_theta.formats.pickle.tree.Edges`."""
    if not isinstance(node, Object):
        yield from container_edges(node)
    elif is_joblib_array(node):
        if not is_tensor:
            yield from ((None, item) for item in node.items or ())
    elif isinstance(elements := array_parts(node)[0], list):
        # An array of Python's objects.
        yield from item_edges(elements)
    elif is_named_tuple_of_paddle(node):
        yield None, node.args[0][1]
    else:
        yield from torch_edges_of(node, first, is_tensor)


def is_named_tuple_of_paddle(node: Object) -> bool:
    """Whether a node is a tensor of PaddlePaddle's: a call that makes a tuple of a name and an array."""
    match node:
        case Object(Global(module="builtins" | "__builtin__", name="tuple"), ((str(), Object()),)):
            return True
    return False


def text_of(data: memoryview) -> Callable[[Any], str | None]:
    """Gives the text of a plain value of a pickle, one of NumPy's numbers too; `None` for other nodes.

    Args:
        data: The bytes that the pickle is in.
    """

    def text(node: Any) -> str | None:
        if isinstance(node, str):
            if len(node) <= _MAX_SHOWN:
                return repr(str(node))
            return f"text of {len(node)} characters, CRC-32 {zlib.crc32(node.encode('utf-8')):08x}"
        return _number(data, node) if isinstance(node, Object) else plain_text(node)

    return text


def _number(data: memoryview, node: Object) -> str | None:
    match node:
        case Object(Global(name="scalar"), (dtype, Bytes(offset, size))):
            found = read_dtype(dtype)
            code = _NUMBERS.get(found.name) if found and found.size is None else None
            if found and code and size == struct.calcsize(code):
                order = ">" if found.big_endian else "<"
                return repr(struct.unpack_from(order + code, data, offset)[0])
    return None
