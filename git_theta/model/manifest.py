"""The manifest: the text that Git stores in place of a checkpoint, in its one canonical form.

`docs/format.md` is the specification. Parsing is strict: a text that isn't exactly what `to_text`
would write isn't a manifest, so that equal manifests are always equal blobs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from git_theta.errors import ManifestError
from git_theta.model.tensor import MAX_BYTES, TensorSpec

MAGIC = "git-theta manifest "
VERSION = 1

#: What every manifest begins with, as bytes: a cheap first test.
MAGIC_BYTES = MAGIC.encode()

#: A larger text isn't a manifest; a line is about 200 bytes, so this is about a million parameters.
MAX_TEXT_BYTES = 256 << 20

_MAX_DEPTH = 64
_HEX = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_WORD = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_HEADER = re.compile(r"([a-z][a-z0-9-]*) ([^\n]*)")
_EXTRA = re.compile(r"([a-z][a-z0-9-]*)=([!-~]*)")
_OBJECT = re.compile(
    r"([0-9a-f]{64})(?::(0|[1-9][0-9]{0,18})\+(0|[1-9][0-9]{0,18}))?(?:/([1-9][0-9]{0,18}))?"
)

# Control characters, spaces, line and paragraph separators, invisible and direction marks, and
# surrogates are written as %XX of their UTF-8 bytes: what you see in a diff is what is there.
_UNSAFE = re.compile(
    "[\x00-\x20%\x7f-\xa0\xad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_ESCAPE = re.compile(r"(?:%[0-9A-F]{2})+")


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """A payload: a whole object, or a range of one.

    Attributes:
        oid: SHA-256 of the object's bytes, 64 hexadecimal digits.
        offset: Where the payload begins, in bytes.
        length: Its length in bytes; `None` for a whole object.
        size: The size of the object in bytes, without which LFS servers don't give it; `None` if it isn't
            said. It follows from the name, so references that differ only here are equal.
    """

    oid: str
    offset: int = 0
    length: int | None = None
    size: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        part = "" if self.length is None else f":{self.offset}+{self.length}"
        return f"{self.oid}{part}" + ("" if self.size is None else f"/{self.size}")


@dataclass(frozen=True, slots=True)
class Source:
    """How to obtain a value: an update applied to a payload and to the values of other sources."""

    update: str
    payload: ObjectRef | None
    inputs: tuple[Source, ...] = ()

    def __str__(self) -> str:
        parts = [str(self.payload) if self.payload else "-", *map(str, self.inputs)]
        return f"{self.update}({','.join(parts)})"

    @property
    def depth(self) -> int:
        """How many updates stand on each other, this one included."""
        return 1 + max((source.depth for source in self.inputs), default=0)

    def payloads(self) -> Iterator[ObjectRef]:
        """Every payload in the tree, this source's own first."""
        if self.payload:
            yield self.payload
        for source in self.inputs:
            yield from source.payloads()


@dataclass(frozen=True, slots=True)
class Entry:
    """One parameter.

    Attributes:
        name: Keys joined by `/`; any text but the empty one.
        spec: Dtype and shape.
        digest: BLAKE3-256 of the logical bytes, 64 hexadecimal digits.
        source: How to obtain those bytes.
        extra: Keys that this version doesn't know, kept as they are, sorted.
    """

    name: str
    spec: TensorSpec
    digest: str
    source: Source
    extra: tuple[tuple[str, str], ...] = ()

    def value_text(self) -> str:
        """The line without its name."""
        shape = ",".join(map(str, self.spec.shape))
        text = f"{self.spec.dtype} [{shape}] {self.digest} {self.source}"
        return text + "".join(f" {key}={value}" for key, value in self.extra)


@dataclass(frozen=True)
class Manifest:
    """A checkpoint, as Git sees it.

    Attributes:
        format: Name of the format that split the file.
        size: Size of the file in bytes.
        layout: The layout as an entry of dtype `U8`; its name is `layout`.
        entries: The parameters, sorted by name.
        extra: Header keys that this version doesn't know, kept as they are, sorted.
    """

    format: str
    size: int
    layout: Entry
    entries: tuple[Entry, ...]
    extra: tuple[tuple[str, str], ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Entry]:
        """The parameters by name."""
        return {entry.name: entry for entry in self.entries}

    @cached_property
    def spec_counts(self) -> Counter[TensorSpec]:
        """How many parameters there are of each dtype and shape."""
        return Counter(entry.spec for entry in self.entries)

    def all_entries(self) -> Iterator[Entry]:
        """The layout, then the parameters."""
        yield self.layout
        yield from self.entries

    def oids(self) -> set[str]:
        """Every object that is needed to rebuild the file."""
        return set(self.objects())

    def objects(self) -> dict[str, int | None]:
        """The size of every object that is needed to rebuild the file, by name; `None` if it isn't said."""
        found: dict[str, int | None] = {}
        for entry in self.all_entries():
            for ref in entry.source.payloads():
                found[ref.oid] = ref.size or found.get(ref.oid)
        return found

    def to_text(self) -> str:
        """The canonical text: UTF-8, LF, one line per parameter, sorted by name."""
        lines = [
            f"{MAGIC}{VERSION}",
            f"format {self.format}",
            f"size {self.size}",
            f"layout {self.layout.value_text()}",
            *(f"{key} {value}" for key, value in self.extra),
            "",
            *(f"{escape(entry.name)} {entry.value_text()}" for entry in self.entries),
        ]
        return "\n".join(lines) + "\n"

    def to_bytes(self) -> bytes:
        """The blob that Git stores."""
        return self.to_text().encode()


def sort_key(name: str) -> bytes:
    """The order of parameters: by the UTF-8 bytes of the escaped name."""
    return escape(name).encode()


def escape(name: str) -> str:
    """A name as it stands in a manifest: one word, nothing invisible."""
    return _UNSAFE.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass")), name
    )


def unescape(text: str) -> str:
    """The inverse of `escape`.

    Raises:
        ManifestError: The text isn't what `escape` gives for any name.
    """
    try:
        name = _ESCAPE.sub(
            lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "surrogatepass"), text
        )
    except UnicodeDecodeError:
        name = ""
    if not name or escape(name) != text:
        raise ManifestError(f"{text[:80]!r} isn't a valid parameter name")
    return name


def is_manifest(data: bytes | memoryview) -> bool:
    """Whether the bytes claim to be a manifest; `parse` tells whether they are."""
    return bytes(data[: len(MAGIC_BYTES)]) == MAGIC_BYTES


def parse_if_manifest(data: bytes | memoryview) -> Manifest | None:
    """Read what may be a manifest; `None` if the bytes don't begin as one, or are more than any has.

    Raises:
        ManifestError: They begin as a manifest, and `parse` can't read them.
    """
    return parse(bytes(data)) if is_manifest(data) and len(data) <= MAX_TEXT_BYTES else None


def valid_manifest(data: bytes | memoryview | None) -> Manifest | None:
    """The manifest that bytes are; `None` if there are no bytes, or if they aren't a valid manifest."""
    with suppress(ManifestError):
        return None if data is None else parse_if_manifest(data)
    return None


def parse(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestError: The bytes aren't exactly what `Manifest.to_bytes` writes; the message has the
            line. A newer version of the format is named as such.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise ManifestError(f"a manifest of {len(data)} bytes is larger than any real one")
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ManifestError("not UTF-8 text") from error
    if not lines[0].startswith(MAGIC):
        raise ManifestError(f"line 1: expected {MAGIC.strip()!r}")
    if lines[0] != f"{MAGIC}{VERSION}":
        version = lines[0].removeprefix(MAGIC)[:20]
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
        ManifestError: It isn't one.
    """
    source, end = _source_at(text, 0, 0)
    if end != len(text):
        raise ManifestError(f"bad source {text[:80]!r}")
    return source


def _source_at(text: str, start: int, depth: int) -> tuple[Source, int]:
    name = _WORD.match(text, start)
    if not name or not text.startswith("(", name.end()) or depth > _MAX_DEPTH:
        raise ManifestError(f"bad source {text[:80]!r}")
    at = name.end() + 1
    payload = None
    if text.startswith("-", at):
        at += 1
    else:
        match = _OBJECT.match(text, at)
        if not match:
            raise ManifestError(f"bad object in source {text[:80]!r}")
        payload = ObjectRef(match[1], int(match[2] or 0), *(int(n) if n else None for n in match.group(3, 4)))
        if payload.size is not None and payload.offset + (payload.length or 0) > payload.size:
            raise ManifestError(f"a range beyond the end of its object in source {text[:80]!r}")
        at = match.end()
    inputs = []
    while text.startswith(",", at):
        source, at = _source_at(text, at + 1, depth + 1)
        inputs.append(source)
    if not text.startswith(")", at):
        raise ManifestError(f"bad source {text[:80]!r}")
    return Source(name[0], payload, tuple(inputs)), at + 1
