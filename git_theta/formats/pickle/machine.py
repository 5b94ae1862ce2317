"""The state of a pickle virtual machine, and how it reads its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import struct

    from git_theta.formats.pickle.nodes import PersistentId

#: Bytes of one line of a text opcode.
MAX_LINE = 1 << 20

#: Bytes of all text in one pickle.
MAX_TEXT = 1 << 27


class Machine:
    """A pickle virtual machine.

    Attributes:
        data: The bytes that the pickle is in.
        position: Position of the next byte.
        stack: Values since the last mark.
        marked: The stack below each mark.
        memo: Values by memo index.
        persistent: Every persistent id so far.
        exact: Whether nodes describe the pickle exactly so far.
        text_left: Bytes of text that may still be read.
    """

    __slots__ = ("data", "exact", "marked", "memo", "persistent", "position", "stack", "text_left")

    def __init__(self, data: bytes | memoryview, position: int) -> None:
        self.data = data
        self.position = position
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.persistent: list[PersistentId] = []
        self.exact = True
        self.text_left = MAX_TEXT

    def number(self, code: struct.Struct) -> Any:
        """Read one number."""
        (value,) = code.unpack_from(self.data, self.position)
        self.position += code.size
        return value

    def skip(self, size: int) -> int:
        """Pass over `size` bytes, and return their position."""
        start = self.position
        if size < 0 or size > len(self.data) - start:
            raise ValueError(f"{size} bytes at {start} go past the end")
        self.position = start + size
        return start

    def text(self, size: int) -> str:
        """Read text of `size` bytes."""
        start = self.skip(size)
        self.text_left -= size
        if self.text_left < 0:
            raise ValueError(f"more than {MAX_TEXT} bytes of text")
        return self._decoded(self.data[start : start + size])

    def line(self) -> str:
        """Read text up to the end of the line."""
        width = 256
        while True:
            piece = bytes(self.data[self.position : self.position + width])
            size = piece.find(b"\n")
            if size >= 0:
                self.position += size + 1
                return self._decoded(piece[:size].removesuffix(b"\r"))
            if len(piece) < width or width > MAX_LINE:
                raise ValueError(f"the line at {self.position} has no end")
            width *= 4

    def _decoded(self, data: bytes | memoryview) -> str:
        # Names are UTF-8 in layouts; bytes that aren't become escapes.
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError:
            self.exact = False
            return str(data, "utf-8", "backslashreplace")

    def resume(self) -> bool:
        """Go on with the pickle round the one that has ended; whether there's one."""
        return False

    def since_mark(self) -> list[Any]:
        """Pop the last mark and the values since then, and return these."""
        values, self.stack = self.stack, self.marked.pop()
        return values
