"""Git LFS pointers: the small texts that git-lfs stores in place of files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from git_theta.errors import FormatError

#: By the specification, a pointer is shorter than this.
MAX_POINTER_BYTES = 1024

_VERSION = re.compile(rb"version (?:https://git-lfs\.github\.com/spec/v1|https?://[\w.-]+/spec/(?:v1|2|v2))")
_EXTENSION = re.compile(rb"ext-\d+-")
_OID = re.compile(rb"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pointer:
    """The file that a pointer stands for.

    Attributes:
        oid: SHA-256 of the file.
        size: Size of the file in bytes.
    """

    oid: str
    size: int


def parse_pointer(data: bytes) -> Pointer | None:
    """The pointer in a blob; `None` if the blob is something else.

    Raises:
        FormatError: The pointer has extensions, which are programs of their own.
    """
    if len(data) >= MAX_POINTER_BYTES or not data.startswith(b"version "):
        return None
    first, *lines = data.strip().split(b"\n")
    if not _VERSION.fullmatch(first.strip()):
        return None
    pairs = dict(line.strip().partition(b" ")[::2] for line in lines)
    oid = _OID.fullmatch(pairs.get(b"oid", b""))
    size = pairs.get(b"size", b"")
    if oid is None or not size.isdigit():
        return None
    if any(map(_EXTENSION.match, pairs)):
        raise FormatError("an LFS pointer with extensions: only other programs can make its file")
    return Pointer(oid[1].decode(), int(size))
