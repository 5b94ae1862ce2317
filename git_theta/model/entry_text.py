"""Entries from text: the words of a manifest's line after the name."""

from __future__ import annotations

import re

from git_theta.errors import ManifestError
from git_theta.model.manifest import Entry
from git_theta.model.source_text import SourceReader
from git_theta.model.tensor import MAX_DIMENSIONS, TensorSpec

#: Largest number of keys in the line of a parameter, and in the header.
MAX_KEYS = 100

#: Words of a line but its name and keys: dtype, shape, digest and source.
_WORDS = 4

_HEX = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_EXTRA = re.compile(r"([a-z][a-z0-9-]*)=([!-~]*)")


class EntryReader:
    """Reads the entries of one manifest, which mostly have few dtypes, shapes and objects in common."""

    def __init__(self) -> None:
        self._specs: dict[tuple[str, str], TensorSpec] = {}
        self._sources = SourceReader()

    def read(self, name: str, text: str) -> Entry:
        """Read an entry's line without the name: dtype, shape, digest, source, and `key=value` of other keys.

        A text that is read is the one that `Entry.value_text` gives.

        Raises:
            ManifestError: The text isn't that of an entry.
        """
        words = text.split(" ", _WORDS + MAX_KEYS)
        if len(words) < _WORDS:
            raise ManifestError("expected 'name dtype shape digest source'")
        dtype, shape, digest, source, *more = words
        spec = self._specs.get((dtype, shape))
        if spec is None:
            spec = self._specs[dtype, shape] = _spec(dtype, shape)
        if not _HEX.fullmatch(digest):
            raise ManifestError(f"bad digest {digest[:80]!r}")
        extra = _extra(more) if more else ()
        return Entry(name, spec, digest, self._sources.read(source), extra)


def _spec(dtype: str, shape: str) -> TensorSpec:
    if not (shape.startswith("[") and shape.endswith("]")) or shape.count(",") >= MAX_DIMENSIONS:
        raise ManifestError(f"bad shape {shape[:40]!r}")
    sizes = shape[1:-1].split(",") if shape != "[]" else []
    if not all(_NUMBER.fullmatch(size) for size in sizes):
        raise ManifestError(f"bad shape {shape[:40]!r}")
    try:
        return TensorSpec(dtype, tuple(map(int, sizes)))
    except ValueError as error:
        raise ManifestError(str(error)) from error


def _extra(words: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for word in words:
        match = _EXTRA.fullmatch(word)
        if not match:
            raise ManifestError(f"expected key=value, not {word[:40]!r}")
        pairs.append((match[1], match[2]))
    if len(pairs) > MAX_KEYS or pairs != sorted(dict(pairs).items()):
        raise ManifestError("the extra keys are too many, repeated or out of order")
    return tuple(pairs)
