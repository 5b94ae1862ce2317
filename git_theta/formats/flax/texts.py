"""The values of a tree of Flax's that aren't arrays, as texts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from git_theta.formats.flax.arrays import COMPLEX, array_at, is_array
from git_theta.formats.flax.leaves import EXTENSION, NUMBER, TEXT, Leaf, leaves, number_of

#: Bytes of the longest text that is shown as it is.
_LONGEST_TEXT = 4096

#: A list of two floats of 64 bits.
_PAIR = struct.Struct(">BBdBd")


def tree_texts(data: memoryview) -> Iterator[tuple[str, str]]:
    """The path and the text of each value without a place among the tensors, once for each path.

    Raises:
        FormatError: The tree is damaged.
    """
    met: set[str] = set()
    for leaf in leaves(data):
        if leaf.path not in met and not (is_array(leaf) and array_at(data, leaf)):
            met.add(leaf.path)
            yield leaf.path, _text(data, leaf)


def _text(data: memoryview, leaf: Leaf) -> str:
    content = data[leaf.content : leaf.end]
    if leaf.kind == NUMBER:
        return repr(number_of(data[leaf.start], content))
    if leaf.kind == TEXT and len(content) <= _LONGEST_TEXT:
        return repr(bytes(content).decode("utf-8", "backslashreplace"))
    if leaf.kind == EXTENSION and leaf.code == COMPLEX and len(content) == _PAIR.size:
        _, _, real, _, imaginary = _PAIR.unpack(content)
        return repr(complex(real, imaginary))
    return f"{len(content):,} bytes, CRC {zlib.crc32(content):08x}"
