"""A pickle machine that knows where the bytes of arrays are, also those that joblib writes between opcodes.

joblib puts a description of an array into the pickle, and after that, in the middle of the pickle, the bytes
of its elements, or a pickle of their own for an array of Python's objects.
"""

from __future__ import annotations

import struct
from typing import Any

from git_theta.formats.pickle.arrays import is_joblib_array, joblib_nbytes
from git_theta.formats.pickle.beginning import begins_pickle
from git_theta.formats.pickle.machine import Machine
from git_theta.formats.pickle.nodes import Bytes, ByteText, Object
from git_theta.formats.pickle.opcodes import OPCODES, Step
from git_theta.formats.pickle.unpickle_inert import run

#: Opcodes in one file, as a bound on time and memory.
MAX_OPCODES = 3_000_000

#: Longer texts, in bytes, aren't read: they may be arrays that Python 3 wrote for Python 2.
_LONG_TEXT = 1 << 16

#: The attribute of a description by joblib that says to which position the elements are aligned, if any.
_ALIGNMENT = "numpy_array_alignment_bytes"


class ArrayMachine(Machine):
    """A machine for files of pickles of arrays, which may follow each other.

    Attributes:
        roots: The objects of the pickles that have ended.
        outer: Stack, marks and memo of each pickle that goes on after the current one.
    """

    __slots__ = ("outer", "roots")

    def __init__(self, data: memoryview) -> None:
        super().__init__(data, 0)
        self.roots: list[Any] = []
        self.outer: list[tuple[list[Any], list[list[Any]], dict[int, Any]]] = []

    def text(self, size: int) -> Any:
        """Read text, or pass over a long one."""
        return Bytes(self.skip(size), size) if size > _LONG_TEXT else super().text(size)

    def byte_text(self, size: int) -> Any:
        """Read a byte string of Python 2."""
        start = self.position
        text = self.text(size)
        if isinstance(text, str):
            text = ByteText(text)
            text.offset, text.size = start, size
        return text

    def elements(self, node: Object) -> None:
        """Find the elements of an array of joblib's, which come next.

        Raises:
            ValueError: They go past the end, or aren't known.
        """
        nbytes = joblib_nbytes(node)
        if nbytes is None:
            self.outer.append((self.stack, self.marked, self.memo))
            self._clear()
            return
        if any(key == _ALIGNMENT and value is not None for key, value in node.state.pairs):
            padding = self.data[self.skip(1)]
            self.skip(padding)
        node.items = [Bytes(self.skip(nbytes), nbytes)]

    def resume(self) -> bool:
        """Go on after a pickle: with the one that it's in, or with the one that follows it."""
        content = self.stack.pop()
        if self.outer:
            self.stack, self.marked, self.memo = self.outer.pop()
            self.stack[-1].items = [content]
            return True
        self.roots.append(content)
        self._clear()
        if begins_pickle(self.data, self.position):
            return True
        self.stack.append(self.roots)
        return False

    def _clear(self) -> None:
        self.stack, self.marked, self.memo = [], [], {}


def read_array_pickles(data: memoryview) -> list[Any]:
    """The objects of the pickles that a file begins with, described by nodes.

    Raises:
        FormatError: A pickle is damaged or refers to extension codes or buffers, or they're too large.
    """
    roots: list[Any] = run(ArrayMachine(data), MAX_OPCODES, _STEPS).root
    return roots


def _build(m: Any) -> None:
    OPCODES[ord("b")](m)
    node = m.stack[-1]
    if isinstance(node, Object) and is_joblib_array(node):
        m.elements(node)


def _byte_text(code: str) -> Step:
    size = struct.Struct(code)

    def step(m: Any) -> None:
        m.stack.append(m.byte_text(m.number(size)))

    return step


_CHANGED: dict[int, Step] = {ord("b"): _build, ord("T"): _byte_text("<i"), ord("U"): _byte_text("<B")}
_STEPS = tuple(_CHANGED.get(code, step) for code, step in enumerate(OPCODES))
