"""Pickles that are compressed as a whole, as joblib writes them on request: kept as they are, with a note."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from git_theta.errors import UnsplitError
from git_theta.formats.pickle.beginning import begins_pickle

if TYPE_CHECKING:
    from git_theta.formats.base import Located

#: How compressed files begin, by the name of the method.
_MAGIC = {
    "zlib": (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),
    "gzip": (b"\x1f\x8b\x08",),
    "bz2": (b"BZh",),
    "xz": (b"\xfd7zXZ\0",),
    "lzma": (b"\x5d\0\0",),
    "lz4": (b"\x04\x22\x4d\x18",),
}

#: Bytes of the file to decompress: a block of bz2 has up to 900 kB, others begin to give bytes at once.
_HEAD, _BLOCK = 1 << 12, 1 << 20

#: Bytes of memory that a file of xz may ask for.
_MEMORY = 1 << 26


class CompressedPickle:
    """Compressed pickles. Versions of one are compared by what they have in them where that's possible."""

    name = "pickle-compressed"

    def matches(self, data: memoryview) -> bool:
        """A pickle at the start of what is compressed."""
        method = _method(bytes(data[:8]))
        return method is not None and begins_pickle(memoryview(_begin(method, data)), 0)

    def locate(self, data: memoryview) -> Located:
        """Refuse the file."""
        _refuse(_method(bytes(data[:8])))


def _refuse(method: str | None) -> NoReturn:
    raise UnsplitError(f"a pickle that's compressed by {method}, so its arrays aren't split")


def _method(head: bytes) -> str | None:
    return next((method for method, magic in _MAGIC.items() if head.startswith(magic)), None)


def _begin(method: str, data: memoryview) -> bytes:
    """The first bytes of what is compressed; none if it's damaged."""
    import bz2
    import lzma
    import zlib

    head = data[:_HEAD]
    try:
        if method in ("zlib", "gzip"):
            return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(head, 16)
        if method == "bz2":
            return bz2.BZ2Decompressor().decompress(data[:_BLOCK], 16)
        if method in ("xz", "lzma"):
            return lzma.LZMADecompressor(memlimit=_MEMORY).decompress(head, 16)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        return b""
    # The first bytes of a block of lz4 are as they were.
    at = bytes(head[:64]).find(b"\x80")
    return bytes(head[at : at + 16]) if at > 0 else b""
