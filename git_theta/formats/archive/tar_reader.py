"""Tar archives: the places of their files."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.errors import FormatError
from git_theta.formats.members import InnerFile

BLOCK = 512

#: Where a header has its magic: POSIX's, which GNU's begins with, too.
MAGIC = b"ustar"
MAGIC_AT = 257

#: Files in one archive, and bytes of a long name or of the attributes of a file.
MAX_FILES = 100_000
_MAX_TEXT = 1 << 16

_FILES = (b"0", b"\0", b"7")


def begins_tar(data: memoryview) -> bool:
    """Whether a tar archive seems to begin here."""
    return len(data) >= BLOCK and data[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC


def tar_files(data: memoryview) -> list[InnerFile]:
    """The regular files of an archive, in its order.

    Raises:
        FormatError: The archive is damaged, or has too many files.
    """
    found: list[InnerFile] = []
    for member in _files(data):
        if len(found) == MAX_FILES:
            raise FormatError(f"the tar archive has more than {MAX_FILES} files")
        found.append(member)
    return found


def _files(data: memoryview) -> Iterator[InnerFile]:
    position = 0
    long_name: str | None = None
    attributes: dict[str, str] = {}
    while position + BLOCK <= len(data):
        header = bytes(data[position : position + BLOCK])
        if not any(header):
            return
        _check(header)
        kind = header[156:157]
        size = _number(header[124:136])
        if kind in _FILES and "size" in attributes:
            size = _decimal(attributes["size"])
        start = position + BLOCK
        if size > len(data) - start:
            raise FormatError("the tar archive is cut off")
        end = start + size
        position = start + (size + BLOCK - 1) // BLOCK * BLOCK
        if kind == b"L":
            long_name = _text(_short(data, start, end).rstrip(b"\0"))
        elif kind == b"x":
            attributes = _attributes(_short(data, start, end))
        else:
            if kind in _FILES:
                name = attributes.get("path") or long_name or _name(header)
                yield InnerFile(name.removeprefix("./"), start, end)
            long_name, attributes = None, {}


def _check(header: bytes) -> None:
    """Check the sum of a header's bytes, in which its own field counts as spaces."""
    total = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    if header[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC or _number(header[148:156]) != total:
        raise FormatError("a header of the tar archive is damaged")


def _number(field: bytes) -> int:
    """A number in octal digits or, for large ones, in base 256."""
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
    digits = field.strip(b" \0")
    if not all(digit in b"01234567" for digit in digits):
        raise FormatError("a number in the tar archive is damaged")
    return int(digits or b"0", 8)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise FormatError("a number in the tar archive is damaged")
    return int(text)


def _name(header: bytes) -> str:
    name, prefix = _text(header[:100].split(b"\0")[0]), _text(header[345:500].split(b"\0")[0])
    # GNU's headers have other fields in place of the prefix.
    return f"{prefix}/{name}" if prefix and header[MAGIC_AT + 5 : MAGIC_AT + 6] == b"\0" else name


def _short(data: memoryview, start: int, end: int) -> bytes:
    if end - start > _MAX_TEXT:
        raise FormatError("a name in the tar archive is too long")
    return bytes(data[start:end])


def _attributes(content: bytes) -> dict[str, str]:
    """The attributes of the next file: lines of length, space, key, `=` and value."""
    found: dict[str, str] = {}
    while content:
        length, _, _ = content[:20].partition(b" ")
        size = _decimal(_text(length))
        line = content[len(length) + 1 : size]
        if size <= len(length) or not line.endswith(b"\n"):
            raise FormatError("the attributes of a file in the tar archive are damaged")
        key, _, value = line[:-1].partition(b"=")
        found[_text(key)] = _text(value)
        content = content[size:]
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
