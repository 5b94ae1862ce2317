"""Manifests from text. Parsing is strict: equal manifests are always equal blobs.

A text that isn't exactly what `Manifest.to_text` writes isn't a manifest, except for its line ends.
"""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import pairwise

from git_theta.errors import ManifestError
from git_theta.model.manifest import MANIFEST_MAGIC, MANIFEST_VERSION, Entry, Manifest, ObjectRef, Source
from git_theta.model.name_escapes import sort_key, unescape
from git_theta.model.tensor import MAX_BYTES, TensorSpec

#: The first bytes of every manifest, for a cheap test.
MANIFEST_MAGIC_BYTES = MANIFEST_MAGIC.encode()

#: Largest manifest in bytes: about a million parameters, at 200 bytes a line.
MAX_TEXT_BYTES = 256 << 20

#: Bytes in which the first line ends.
_FIRST_LINE_BYTES = 64

_MAX_DEPTH = 64
_HEX = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_WORD = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_HEADER = re.compile(r"([a-z][a-z0-9-]*) ([^\n]*)")
_EXTRA = re.compile(r"([a-z][a-z0-9-]*)=([!-~]*)")
_OBJECT = re.compile(
    r"([0-9a-f]{64})(?::(0|[1-9][0-9]{0,18})\+(0|[1-9][0-9]{0,18}))?(?:/([1-9][0-9]{0,18}))?"
)


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
    """Read a manifest. Lines may end with CR LF.

    Raises:
        ManifestError: The bytes aren't the canonical text of a manifest; the message has the line. A newer
            version of the format is named as such.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise ManifestError(f"a manifest of {len(data)} bytes is larger than any real one")
    data = with_plain_line_ends(data)
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ManifestError("not UTF-8 text") from error
    if not lines[0].startswith(MANIFEST_MAGIC):
        raise ManifestError(f"line 1: expected {MANIFEST_MAGIC.strip()!r}")
    if lines[0] != f"{MANIFEST_MAGIC}{MANIFEST_VERSION}":
        version = lines[0].removeprefix(MANIFEST_MAGIC)[:20]
        raise ManifestError(
            f"manifest version {version!r} isn't known to this git-theta", "upgrade: pip install -U git-theta"
        )
    number = 1
    try:
        header: dict[str, str] = {}
        while lines[number]:
            match = _HEADER.fullmatch(lines[number])
            if not match or match[1] in header:
                raise ManifestError("expected one 'key value'")
            header[match[1]] = match[2]
            number += 1
        entries = []
        for line in lines[number + 1 : -1]:
            number += 1
            name, _, rest = line.partition(" ")
            entries.append(_parse_entry(unescape(name), rest))
    except IndexError as error:
        raise ManifestError("the header doesn't end") from error
    except ManifestError as error:
        raise ManifestError(f"line {number + 1}: {error.message}") from error
    manifest = _assemble(header, tuple(entries))
    if manifest.to_bytes() != data:
        raise ManifestError("the text isn't in canonical form")
    return manifest


def _assemble(header: dict[str, str], entries: tuple[Entry, ...]) -> Manifest:
    for key in ("format", "size", "layout"):
        if key not in header:
            raise ManifestError(f"the header has no {key!r}")
    if not _WORD.fullmatch(header["format"]):
        raise ManifestError(f"bad format name {header['format'][:40]!r}")
    if not _NUMBER.fullmatch(header["size"]) or int(header["size"]) > MAX_BYTES:
        raise ManifestError(f"bad size {header['size'][:40]!r}")
    layout = _parse_entry("layout", header["layout"])
    if layout.spec.dtype != "U8" or len(layout.spec.shape) != 1:
        raise ManifestError("the layout isn't a vector of U8")
    keys = [sort_key(entry.name) for entry in entries]
    for before, after in pairwise(keys):
        if before >= after:
            raise ManifestError(f"parameter {after.decode()[:80]!r} is repeated or out of order")
    extra = tuple(sorted((k, v) for k, v in header.items() if k not in ("format", "size", "layout")))
    return Manifest(header["format"], int(header["size"]), layout, entries, extra)


def _parse_entry(name: str, text: str) -> Entry:
    words = text.split(" ")
    if len(words) < 4:
        raise ManifestError("expected 'name dtype shape digest source'")
    dtype, shape, digest, source, *extra = words
    if not (shape.startswith("[") and shape.endswith("]")):
        raise ManifestError(f"bad shape {shape[:40]!r}")
    sizes = shape[1:-1].split(",") if shape != "[]" else []
    if not all(_NUMBER.fullmatch(size) for size in sizes):
        raise ManifestError(f"bad shape {shape[:40]!r}")
    if not _HEX.fullmatch(digest):
        raise ManifestError(f"bad digest {digest[:80]!r}")
    pairs = []
    for word in extra:
        match = _EXTRA.fullmatch(word)
        if not match:
            raise ManifestError(f"expected key=value, not {word[:40]!r}")
        pairs.append((match[1], match[2]))
    if pairs != sorted(dict(pairs).items()):
        raise ManifestError("the extra keys are repeated or out of order")
    try:
        spec = TensorSpec(dtype, tuple(map(int, sizes)))
    except ValueError as error:
        raise ManifestError(str(error)) from error
    return Entry(name, spec, digest, parse_source(source), tuple(pairs))


def parse_source(text: str) -> Source:
    """Read the text form of a source, for example `delta(0a…,dense(9c…:0+512))`.

    Raises:
        ManifestError: The text isn't a source.
    """
    source, end = _source_at(text, 0, 0)
    if end != len(text):
        raise ManifestError(f"bad source {text[:80]!r}")
    return source


def _source_at(text: str, start: int, depth: int) -> tuple[Source, int]:
    name = _WORD.match(text, start)
    if not name or not text.startswith("(", name.end()) or depth > _MAX_DEPTH:
        raise ManifestError(f"bad source {text[:80]!r}")
    end = name.end() + 1
    payload = None
    if text.startswith("-", end):
        end += 1
    else:
        match = _OBJECT.match(text, end)
        if not match:
            raise ManifestError(f"bad object in source {text[:80]!r}")
        payload = ObjectRef(match[1], int(match[2] or 0), *(int(n) if n else None for n in match.group(3, 4)))
        if payload.size is not None and payload.offset + (payload.length or 0) > payload.size:
            raise ManifestError(f"a range beyond the end of its object in source {text[:80]!r}")
        end = match.end()
    inputs = []
    while text.startswith(",", end):
        source, end = _source_at(text, end + 1, depth + 1)
        inputs.append(source)
    if not text.startswith(")", end):
        raise ManifestError(f"bad source {text[:80]!r}")
    return Source(name[0], payload, tuple(inputs)), end + 1
