"""Sparse: a base of which few elements change; their places, and their new values or steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from git_theta.codecs.frames import CHUNK
from git_theta.codecs.packed import PackedReader, PackedWriter, varint
from git_theta.errors import CorruptError
from git_theta.model.strided import scratch_memory, temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.updates import sparse_given
from git_theta.updates.array import check_computable
from git_theta.updates.base import Base, Input, Payload, Pieces, Sample, UnsuitableError, single_input
from git_theta.updates.demand import Demand, ReadPayload, streaming
from git_theta.updates.ordered import advance, difference, is_ordered
from git_theta.updates.payload import typed_header, unpack_typed
from git_theta.updates.rounding import add_nonzero

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words
    from git_theta.updates.side_loaded import Given

#: Places are counted within chunks of this many bytes: large, as each has its own frames.
_CHUNK = 16 << 20

#: From this share of changed words on, other updates do better.
_MAX_SHARE = 0.1

#: The share is judged once this many bytes were seen.
_JUDGED = _CHUNK // 16

_INDEX = "<u4"

#: Longer lists of changes, in bytes, are in a temporary file: an update may have many others below it.
_IN_MEMORY = 4 << 20


class Sparse:
    """A value that equals its base nearly everywhere."""

    name = "sparse"
    parts = sparse_given.PARTS

    def estimate(self, sample: Sample) -> float | None:
        """The share of the sample when encoded on trial, if few words changed."""
        import numpy as np

        places = np.flatnonzero(sample.value != sample.base)
        if not 0 < len(places) <= _MAX_SHARE * len(sample.value):
            return None
        size = sum(map(len, _chunk(places, sample.base[places], sample.value[places], sample.spec)))
        return size / sample.value.nbytes

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """Header, then for each chunk the number of changed words, their places, and the words or steps."""
        import numpy as np

        yield typed_header(self.name, spec)
        word = f"<u{spec.word_size}"
        end = changed = 0
        for chunk in base.chunks(_CHUNK):
            before = np.frombuffer(chunk, word)
            after = np.frombuffer(value[end : end + len(chunk)], word)
            end += len(chunk)
            places = np.flatnonzero(before != after)
            changed += len(places)
            if changed > _MAX_SHARE * end / spec.word_size and end > _JUDGED:
                raise UnsuitableError
            yield from _chunk(places, before[places], after[places], spec)

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """Pieces of the base, and the places and words of a chunk, which are on disk if they're many."""
        return streaming(inputs, nbytes, work=4, memory=12 << 20)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The base's chunks with the changed words."""
        import numpy as np

        base = single_input(inputs, self.name)
        spec, _, body = unpack_typed(self.name, payload, nbytes)
        reader = PackedReader(body)
        word, left = f"<u{spec.word_size}", 0
        for chunk in Base(spec, base).chunks(min(CHUNK, _CHUNK)):
            if not left:
                left = min(_CHUNK, nbytes) // spec.word_size
                nbytes -= left * spec.word_size
                changes = _read_changes(reader, left, np.dtype(word))
            words = np.frombuffer(chunk, word).copy()
            changes.apply(words, is_ordered(spec))
            left -= len(words)
            yield words.data.cast("B")
        reader.end()

    def check(self, given: Given, name: str, spec: TensorSpec) -> None:
        """Check that the matrix of compressed sparse rows has the parameter's size and finite elements."""
        check_computable(name, spec)
        sparse_given.places_and_numbers(given, spec)

    def given_value(self, given: Given, spec: TensorSpec, base: Base) -> Pieces:
        """The base with the matrix added in float64, rounded once."""
        import numpy as np

        places, numbers = sparse_given.places_and_numbers(given, spec)
        places, inverse = np.unique(places, return_inverse=True)
        sums = np.zeros(len(places))
        np.add.at(sums, inverse, numbers)
        start = 0
        for chunk in base.chunks(_CHUNK):
            words = np.frombuffer(chunk, f"<u{spec.word_size}").copy()
            low, high = np.searchsorted(places, (start, start + len(words)))
            here = places[low:high] - start
            words[here] = add_nonzero(words[here], sums[low:high], spec.dtype)
            start += len(words)
            yield words.data.cast("B")


class _Changes:
    """The changed words of a chunk, which is read in pieces.

    Args:
        places: Indices of the words in the chunk, ascending.
        coded: The new words, or the steps to them.
        as_words: Whether they are words.
    """

    def __init__(self, places: Words, coded: Words, as_words: bool) -> None:
        self._places = places
        self._coded = coded
        self._as_words = as_words
        self._start = self._done = 0

    def apply(self, words: Words, floats: bool) -> None:
        """Change the next words of the chunk, in place.

        Args:
            words: As many as follow those of the call before.
            floats: Whether the words are floats.
        """
        import numpy as np

        # A number of another type would have all places converted.
        limit = self._places.dtype.type(self._start + len(words))
        end = self._done + int(np.searchsorted(self._places[self._done :], limit))
        places = self._places[self._done : end] - self._start
        coded = self._coded[self._done : end]
        words[places] = coded if self._as_words else advance(words[places], coded, floats)
        self._start, self._done = self._start + len(words), end


def _read_changes(reader: PackedReader, count: int, dtype: np.dtype[Any]) -> _Changes:
    """The changes of the next chunk, of `count` words of a dtype.

    Raises:
        CorruptError: The frames are damaged, or a word lies outside the chunk.
    """
    import numpy as np

    head = reader.varint()
    changed = head >> 1
    if changed > count:
        raise CorruptError("more words change than there are")
    places, coded = _array(changed, np.dtype(_INDEX)), _array(changed, dtype)
    if changed:
        reader.read(places)
        if int(places.sum(dtype=np.uint64)) >= count:
            raise CorruptError("a changed word lies outside the value")
        np.cumsum(places, dtype=places.dtype, out=places)
        reader.read(coded)
    return _Changes(places, coded, bool(head & 1))


def _array(count: int, dtype: np.dtype[Any]) -> Words:
    import numpy as np

    return np.frombuffer(scratch_memory(count * dtype.itemsize, temporary_file, _IN_MEMORY), dtype)


def _chunk(places: NDArray[np.intp], before: Words, after: Words, spec: TensorSpec) -> Payload:
    """The frames of one chunk.

    Args:
        places: Indices of the changed words in the chunk, ascending.
        before: The base's words at these places.
        after: The value's words there.
        spec: Dtype and shape of the value.
    """
    import numpy as np

    if not len(places):
        yield varint(0)
        return
    floats = is_ordered(spec)
    planes = PackedWriter(spec.word_size, len(places), literals=floats)
    # Pruned weights are all zero, fine-tuned ones are close to what they were: the shorter coding is stored.
    words = b"".join(planes.frames(after))
    steps = b"".join(planes.frames(difference(after, before, floats)))
    as_words = len(words) < len(steps)
    yield varint(len(places) << 1 | as_words)
    gaps = np.diff(places, prepend=0).astype(_INDEX)
    yield from PackedWriter(gaps.itemsize, len(gaps), literals=False).frames(gaps)
    yield words if as_words else steps
