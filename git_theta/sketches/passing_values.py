"""Sketches of values on their way into a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from git_theta.formats.deflate_streams import may_have_streams
from git_theta.model.manifest import Entry
from git_theta.sketches.content import ContentSketch, ContentTaker, has_content_sketch
from git_theta.sketches.sketch import SampleTaker, Sketch

if TYPE_CHECKING:
    from git_theta.sketches.search import SketchSearch

#: Smaller values, in bytes, pass without a sketch: sampling would take longer than writing them.
_MIN_SAMPLED = 1 << 16


class PassingValues:
    """Makes sketches of values that are written to a file anyway. Any number of threads may use it.

    Attributes:
        sketches: The sketches of all values that have passed, by digest.
        contents: The content sketches of values of bytes.
    """

    def __init__(self) -> None:
        self.sketches: dict[str, Sketch] = {}
        self.contents: dict[str, ContentSketch] = {}

    def watch(self, entry: Entry, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
        """The pieces of a value, unchanged; its sketch is kept when all have passed without an error."""
        if entry.spec.nbytes < _MIN_SAMPLED:
            yield from pieces
        elif has_content_sketch(entry.spec):
            yield from self._watch_content(entry, pieces)
        elif entry.digest not in self.sketches:
            samples = SampleTaker(entry.spec.as_bytes)
            for piece in pieces:
                samples.take(piece)
                yield piece
            self.sketches[entry.digest] = samples.sketch()
        else:
            yield from pieces

    def keep(self, search: SketchSearch) -> None:
        """Keep the sketches of all values that have passed, where they're searched."""
        if self.sketches:
            search.add(self.sketches)
        if self.contents:
            search.contents.add(self.contents)

    def _watch_content(self, entry: Entry, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
        first = next(pieces, memoryview(b""))
        # The members of an archive can't be sketched as they pass by.
        if may_have_streams(first) or entry.digest in self.contents:
            yield first
            yield from pieces
            return
        content = ContentTaker(entry.spec.nbytes)
        for piece in chain((first,), pieces):
            content.take(piece)
            yield piece
        self.contents[entry.digest] = content.sketch()
