"""The first bytes of pickles."""

from __future__ import annotations

#: The first byte of pickles of protocol 2 and later, which the number of the protocol follows.
_BEGIN = 0x80
_PROTOCOLS = range(2, 6)

#: Opcodes that a pickle may begin with.
_FIRST = frozenset(b"(}])NcXU\x8c\x8d\x95\x88\x89KMJGBC\x8e\x96\x8a\x8fT")


def begins_pickle(data: bytes | memoryview, position: int) -> bool:
    """Whether a pickle of protocol 2 to 5 seems to begin at a position."""
    head = data[position : position + 3]
    return len(head) == 3 and head[0] == _BEGIN and head[1] in _PROTOCOLS and head[2] in _FIRST
