"""Sources from text, for example `delta(0a…,dense(9c…:0+512))`."""

from __future__ import annotations

import re

from git_theta.errors import ManifestError
from git_theta.model.manifest import ObjectRef, Source

_MAX_DEPTH = 64
_NUMBER = r"0|[1-9][0-9]{0,18}"
_OBJECT = re.compile(rf"([0-9a-f]{{64}})(?::({_NUMBER})\+({_NUMBER}))?(?:/([1-9][0-9]{{0,18}}))?")

#: The name of an update, `(`, and a payload: an object or `-`, then the place of a value in a bundle.
_BEGINNING = re.compile(rf"([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\(([^,()@]*)(?:@({_NUMBER}))?")


def parse_source(text: str) -> Source:
    """Read the text form of a source.

    Raises:
        ManifestError: The text isn't a source.
    """
    return SourceReader().read(text)


class SourceReader:
    """Reads sources, thousands of which may name one object: its text is read once."""

    def __init__(self) -> None:
        self._objects: dict[str, ObjectRef] = {}

    def read(self, text: str) -> Source:
        """Read the text form of a source. A text that is read has no other form.

        Raises:
            ManifestError: The text isn't a source.
        """
        source, end = self._source_at(text, 0, 0)
        if end != len(text):
            raise _bad(text)
        return source

    def _source_at(self, text: str, start: int, depth: int) -> tuple[Source, int]:
        match = _BEGINNING.match(text, start)
        if not match or depth > _MAX_DEPTH:
            raise _bad(text)
        update, words, place = match.groups()
        payload = None if words == "-" and place is None else self._object(words)
        end = match.end()
        inputs = []
        while text.startswith(",", end):
            source, end = self._source_at(text, end + 1, depth + 1)
            inputs.append(source)
        if not text.startswith(")", end):
            raise _bad(text)
        return Source(update, payload, tuple(inputs), int(place) if place else None), end + 1

    def _object(self, text: str) -> ObjectRef:
        known = self._objects.get(text)
        if known:
            return known
        match = _OBJECT.fullmatch(text)
        if not match:
            raise ManifestError(f"bad object in source {text[:80]!r}")
        oid, offset, length, size = match.groups()
        ref = ObjectRef(oid, int(offset or 0), int(length) if length else None, int(size) if size else None)
        if ref.size is not None and ref.offset + (ref.length or 0) > ref.size:
            raise ManifestError(f"a range beyond the end of its object in source {text[:80]!r}")
        self._objects[text] = ref
        return ref


def _bad(text: str) -> ManifestError:
    return ManifestError(f"bad source {text[:80]!r}")
