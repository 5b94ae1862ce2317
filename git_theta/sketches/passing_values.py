"""Sketches of values on their way into a file."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.model.manifest import Entry
from git_theta.sketches.sketch import SampleTaker, Sketch

#: Smaller values, in bytes, pass without a sketch: sampling would take longer than writing them.
_MIN_SAMPLED = 1 << 16


class PassingValues:
    """Makes sketches of values that are written to a file anyway. Any number of threads may use it.

    Attributes:
        sketches: The sketches of all values that have passed, by digest.
    """

    def __init__(self) -> None:
        self.sketches: dict[str, Sketch] = {}

    def watch(self, entry: Entry, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
        """The pieces of a value, unchanged; its sketch is kept when all have passed without an error."""
        if entry.spec.nbytes < _MIN_SAMPLED or entry.digest in self.sketches:
            yield from pieces
            return
        samples = SampleTaker(entry.spec.as_bytes)
        for piece in pieces:
            samples.take(piece)
            yield piece
        self.sketches[entry.digest] = samples.sketch()
