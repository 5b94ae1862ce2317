"""Sparse: a base of which few elements change; their places, and what they become."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.codecs.packed import PackedReader, PackedWriter, number
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Payload, Pieces, Sample, UnsuitableError, only
from git_theta.updates.chunks import chunks
from git_theta.updates.ordered import advance, difference, is_ordered
from git_theta.updates.payload import typed_header, unpack_typed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: Places are counted within chunks of this size: large, as each has its own frames.
_CHUNK = 16 << 20

#: Above this share of changed words, other updates do better.
_MOST = 0.1

_INDEX = "<u4"


class Sparse:
    """A value that equals its base nearly everywhere."""

    name = "sparse"

    def estimate(self, sample: Sample) -> float | None:
        """From the share of changed words: a place costs its information, a word about itself."""
        share = float((sample.value != sample.base).mean())
        if not 0 < share <= _MOST:
            return None
        bits = math.log2(1 / share) + 1.5 + 8 * sample.spec.word_size
        return share * bits / (8 * sample.spec.word_size)

    def encode(self, value: memoryview, spec: TensorSpec, base: Input) -> Payload:
        """Header, then for each chunk the number of changed words, their places and what's new there."""
        import numpy as np

        yield typed_header(self.name, spec)
        word = f"<u{spec.word_size}"
        at = changed = 0
        for chunk in chunks(base(len(value)), _CHUNK, len(value)):
            before = np.frombuffer(chunk, word)
            after = np.frombuffer(value[at : at + len(chunk)], word)
            at += len(chunk)
            places = np.flatnonzero(before != after)
            changed += len(places)
            if changed > _MOST * at / spec.word_size and at > _CHUNK // 16:
                raise UnsuitableError
            yield from _chunk(places, before[places], after[places], spec)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The base's chunks with the words replaced."""
        import numpy as np

        base = only(inputs, self.name)
        spec, _, body = unpack_typed(self.name, payload, nbytes)
        reader = PackedReader(body)
        for chunk in chunks(base(nbytes), _CHUNK, nbytes):
            words = np.frombuffer(chunk, f"<u{spec.word_size}").copy()
            head = reader.number()
            itself, count = head & 1, head >> 1
            if count > len(words):
                raise CorruptError("more words change than there are")
            if count:
                gaps = np.empty(count, _INDEX)
                reader.read(gaps)
                places = np.cumsum(gaps, dtype=np.int64)
                if int(places[-1]) >= len(words):
                    raise CorruptError("a changed word lies outside the value")
                news = np.empty(count, words.dtype)
                reader.read(news)
                words[places] = news if itself else advance(words[places], news, is_ordered(spec))
            yield words.data.cast("B")
        reader.end()


def _chunk(places: NDArray[np.intp], before: Words, after: Words, spec: TensorSpec) -> Payload:
    import numpy as np

    if not len(places):
        yield number(0)
        return
    floats = is_ordered(spec)
    planes = PackedWriter(spec.word_size, len(places), literals=floats)
    # Pruned weights are all zero, fine-tuned ones are close to what they were: whichever is shorter.
    itself = b"".join(planes.frames(after))
    steps = b"".join(planes.frames(difference(after, before, floats)))
    shorter = len(itself) < len(steps)
    yield number(len(places) << 1 | shorter)
    gaps = np.diff(places, prepend=0).astype(_INDEX)
    yield from PackedWriter(gaps.itemsize, len(gaps), literals=False).frames(gaps)
    yield itself if shorter else steps
