"""Manifests from text. Parsing is strict: equal manifests are always equal blobs.

A text that isn't exactly what `Manifest.to_text` writes isn't a manifest, except for its line ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from git_theta.errors import ManifestError
from git_theta.model.entry_text import MAX_KEYS, EntryReader
from git_theta.model.manifest import MANIFEST_MAGIC, MANIFEST_VERSION, Entry, Manifest
from git_theta.model.name_escapes import unescape
from git_theta.model.tensor import MAX_BYTES

#: The first bytes of every manifest, for a cheap test.
MANIFEST_MAGIC_BYTES = MANIFEST_MAGIC.encode()

#: Largest manifest in bytes: that of 100,000 parameters, each of the values of eight others.
MAX_TEXT_BYTES = 128 << 20

#: Bytes of the longest line, and of the longest header.
MAX_LINE_BYTES = 1 << 20

#: Largest number of parameters.
MAX_PARAMETERS = 200_000

#: Largest number of sources in all lines of parameters together.
MAX_SOURCES = 1_000_000

#: Bytes in which the first line ends.
_FIRST_LINE_BYTES = 64

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_WORD = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_HEADER = re.compile(r"([a-z][a-z0-9-]*) ([^\n]*)")


def is_manifest(data: bytes | memoryview) -> bool:
    """Whether the bytes begin as a manifest; `parse_manifest` tells whether they are one."""
    return bytes(data[: len(MANIFEST_MAGIC_BYTES)]) == MANIFEST_MAGIC_BYTES


def with_plain_line_ends(data: bytes) -> bytes:
    """A manifest's text as it is in Git, which writes CR LF for each LF where attributes say `eol=crlf`."""
    # Names and values have no CR of their own: the text has it in an escaped form.
    is_converted = data[:_FIRST_LINE_BYTES].partition(b"\n")[0].endswith(b"\r")
    return data.replace(b"\r\n", b"\n") if is_converted else data


def parse_if_manifest(data: bytes | memoryview) -> Manifest | None:
    """The manifest in some bytes; `None` if they don't begin as one, or exceed the limit for a manifest.

    Raises:
        ManifestError: The bytes begin as a manifest, but aren't a valid one.
    """
    return parse_manifest(bytes(data)) if is_manifest(data) and len(data) <= MAX_TEXT_BYTES else None


def valid_manifest(data: bytes | memoryview | None) -> Manifest | None:
    """The manifest that bytes are; `None` if there are no bytes, or if they aren't a valid manifest."""
    with suppress(ManifestError):
        return None if data is None else parse_if_manifest(data)
    return None


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest. Lines may end with CR LF. Memory is in proportion to the bytes.

    Raises:
        ManifestError: The bytes aren't the canonical text of a manifest, or exceed a limit; the message has
            the line. A newer version of the format is named as such.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise ManifestError(
            f"a manifest of {len(data):,} bytes is larger than the limit of {MAX_TEXT_BYTES:,}"
        )
    data = with_plain_line_ends(data)
    _check_version(data)
    end = data.find(b"\n\n", 0, MAX_LINE_BYTES) + 1
    if not end:
        raise ManifestError(f"the header doesn't end in {MAX_LINE_BYTES:,} bytes")
    header = _text(data[:end]).split("\n")[1:-1]
    manifest = _parse_header(header)
    if manifest.to_bytes() != data[: end + 1]:
        raise ManifestError("the header isn't in canonical form")
    if data.count(b"\n", end + 1) > MAX_PARAMETERS:
        raise ManifestError(f"more than {MAX_PARAMETERS:,} parameters")
    return replace(manifest, entries=tuple(_parse_lines(data, end + 1, len(header) + 3)))


def check_limits(manifest: Manifest) -> None:
    """Check that `parse_manifest` will read the manifest's text again.

    Raises:
        ManifestError: The manifest exceeds a limit.
    """
    if len(manifest.entries) > MAX_PARAMETERS:
        raise ManifestError(f"more than {MAX_PARAMETERS:,} parameters")
    data = manifest.to_bytes()
    if len(data) > MAX_TEXT_BYTES:
        raise ManifestError(f"its text has {len(data):,} bytes; the limit is {MAX_TEXT_BYTES:,}")
    header, _, body = data.partition(b"\n\n")
    if len(header) + 2 > MAX_LINE_BYTES:
        raise ManifestError(f"its header takes more than {MAX_LINE_BYTES:,} bytes")
    sources = 0
    for entry, line in zip(manifest.entries, body.split(b"\n"), strict=False):
        if len(line) >= MAX_LINE_BYTES:
            raise ManifestError(f"parameter {entry.name[:80]!r} takes more than {MAX_LINE_BYTES:,} bytes")
        sources += line.partition(b" ")[2].count(b"(")
    if sources > MAX_SOURCES:
        raise ManifestError(f"it has {sources:,} sources; the limit is {MAX_SOURCES:,}")


def _check_version(data: bytes) -> None:
    first = data[:_FIRST_LINE_BYTES].partition(b"\n")[0]
    if not is_manifest(first):
        raise ManifestError(f"line 1: expected {MANIFEST_MAGIC.strip()!r}")
    version = first.removeprefix(MANIFEST_MAGIC_BYTES)[:20].decode(errors="replace")
    if version != str(MANIFEST_VERSION):
        raise ManifestError(
            f"manifest version {version!r} isn't known to this git-theta", "upgrade: pip install -U git-theta"
        )


def _parse_header(lines: list[str]) -> Manifest:
    """The manifest without its parameters, from the header's lines but the first."""
    header: dict[str, str] = {}
    for number, line in enumerate(lines, 2):
        match = _HEADER.fullmatch(line)
        if not match or match[1] in header:
            raise ManifestError(f"line {number}: expected one 'key value'")
        header[match[1]] = match[2]
    for key in ("format", "size", "layout"):
        if key not in header:
            raise ManifestError(f"the header has no {key!r}")
    if len(header) > MAX_KEYS:
        raise ManifestError(f"the header has more than {MAX_KEYS} keys")
    if not _WORD.fullmatch(header["format"]):
        raise ManifestError(f"bad format name {header['format'][:40]!r}")
    if not _NUMBER.fullmatch(header["size"]) or int(header["size"]) > MAX_BYTES:
        raise ManifestError(f"bad size {header['size'][:40]!r}")
    try:
        layout = EntryReader().read("layout", header["layout"])
    except ManifestError as error:
        raise ManifestError(f"the layout: {error.message}") from error
    if layout.spec.dtype != "U8" or len(layout.spec.shape) != 1:
        raise ManifestError("the layout isn't a vector of U8")
    extra = tuple(sorted((k, v) for k, v in header.items() if k not in ("format", "size", "layout")))
    return Manifest(header["format"], int(header["size"]), layout, (), extra)


def _parse_lines(data: bytes, start: int, number: int) -> Iterator[Entry]:
    """The parameters of the lines from byte `start` on, which is in line `number`."""
    reader = EntryReader()
    before, sources = "", 0
    last, last_text = None, ""
    while start < len(data):
        end = data.find(b"\n", start, start + MAX_LINE_BYTES)
        if end < 0:
            raise ManifestError(f"line {number} doesn't end in {MAX_LINE_BYTES:,} bytes")
        line = data[start:end]
        try:
            word, _, rest = _text(line).partition(" ")
            name = unescape(word)
            sources += rest.count("(")
            if sources > MAX_SOURCES:
                raise ManifestError(f"more than {MAX_SOURCES:,} sources up to here")
            if last is not None and rest == last_text:
                # Tied parameters: only their names differ.
                entry = Entry(name, last.spec, last.digest, last.source, last.extra)
            else:
                entry = reader.read(name, rest)
            # Text has the order of its UTF-8 bytes.
            if word <= before:
                raise ManifestError(f"parameter {word[:80]!r} is repeated or out of order")
        except ManifestError as error:
            raise ManifestError(f"line {number}: {error.message}") from error
        yield entry
        before, start, number = word, end + 1, number + 1
        last, last_text = entry, rest


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError("not UTF-8 text") from error
