"""Git LFS pointers: the small text that git-lfs stores in place of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from git_theta.errors import FormatError

#: A pointer is shorter than this, says its specification.
MAX_POINTER_BYTES = 1024

_VERSION = re.compile(rb"version (?:https://git-lfs\.github\.com/spec/v1|https?://[\w.-]+/spec/(?:v1|2|v2))")
_EXTENSION = re.compile(rb"ext-\d+-")
_OID = re.compile(rb"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer points to.

    Attributes:
        oid: SHA-256 of the file.
        size: Its bytes.
    """

    oid: str
    size: int


def parse_pointer(data: bytes) -> Pointer | None:
    """The pointer that a blob is; `None` if it's something else.

    Raises:
        FormatError: It needs a pointer extension, which is a program that we don't have.
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
        raise FormatError("an LFS pointer with extensions: what it stands for takes another program to make")
    return Pointer(oid[1].decode(), int(size))
