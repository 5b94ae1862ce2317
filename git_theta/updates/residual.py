"""Residuals: the exact differences between a value and its prediction, chunk by chunk.

Differences of ordered integers are sorted by the prediction's exponents, which the decoder knows, and written
as packed byte planes, segment by segment. A chunk begins with a varint, its kind. A chunk of several kinds of
blocks, or with many zeros that weren't predicted, has a better prediction first, where that is shorter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.codecs.packed import PackedReader, PackedWriter, varint
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Payload
from git_theta.updates.ordered import advance, by_exponent, difference, is_ordered
from git_theta.updates.pruning import MaskForm, Pruning, Zeros, find_zeros
from git_theta.updates.stretches import EQUAL, WHOLE, block_count, kinds_of, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

#: Bytes of a segment: small, as statistics change with the exponent. Half or twice as many take more.
_SEGMENT = 1 << 16

#: Kinds of chunks. An exact prediction has nothing after it; `_BLOCKS` has the kinds of its blocks, then the
#: steps of those that aren't equal.
_EXACT, _STEPS, _BLOCKS = range(3)

#: Kinds of chunks with a mask of zeros, which the chunk's residual follows.
_PRUNED = {
    3: Pruning(signed=False, form=MaskForm.BITS),
    4: Pruning(signed=False, form=MaskForm.SORTED),
    5: Pruning(signed=True, form=MaskForm.BITS),
    6: Pruning(signed=True, form=MaskForm.SORTED),
    7: Pruning(signed=False, form=MaskForm.FEW_LEFT),
    8: Pruning(signed=True, form=MaskForm.FEW_LEFT),
    9: Pruning(signed=False, form=MaskForm.FEW_ZEROS),
    10: Pruning(signed=True, form=MaskForm.FEW_ZEROS),
}


class ResidualWriter:
    """Writes the residuals of one value.

    Args:
        spec: Dtype and shape of the value; only the dtype matters.
        most: Number of words in the largest chunk.
    """

    def __init__(self, spec: TensorSpec, most: int) -> None:
        self._spec = spec
        self._most = most
        self._floats = is_ordered(spec)
        segment = _SEGMENT // spec.word_size
        self._writer = PackedWriter(spec.word_size, most, literals=self._floats, segment=segment)

    def frames(self, value: Words, prediction: Words) -> Payload:
        """The residual of a chunk.

        Args:
            value: Machine words, flat.
            prediction: As many words.
        """
        import numpy as np

        if np.array_equal(value, prediction):
            yield varint(_EXACT)
            return
        found = find_zeros(value, prediction, self._floats)
        if found is None:
            yield from self._unpruned(value, prediction)
            return
        yield min(
            self._pruned(found, value, prediction), b"".join(self._unpruned(value, prediction)), key=len
        )

    def _pruned(self, zeros: Zeros, value: Words, prediction: Words) -> bytes:
        """A chunk's mask of zeros, in the form in which it's shortest, and the residual beyond."""
        import numpy as np

        masks = []
        for kind, pruning in _PRUNED.items():
            if pruning.suits(zeros, self._floats):
                stored = pruning.stored(zeros.mask, prediction)
                head = varint(kind) + (varint(len(stored)) if pruning.has_gaps else b"")
                packed = PackedWriter(1, len(stored), literals=True).frames(stored)
                masks.append(head + b"".join(packed))
        nearer = zeros.applied(prediction)
        exact = np.array_equal(value, nearer)
        return b"".join(
            [min(masks, key=len), *([varint(_EXACT)] if exact else self._unpruned(value, nearer))]
        )

    def _unpruned(self, value: Words, prediction: Words) -> Payload:
        """The steps of a chunk, after the kinds of its blocks where that is shorter."""
        steps = difference(value, prediction, self._floats)
        kinds = kinds_of(steps, self._spec)
        order = by_exponent(prediction, self._spec.dtype)
        if order is not None:
            steps = steps[order]
        if kinds is None:
            yield varint(_STEPS)
            yield from self._writer.frames(steps)
            return
        plain = b"".join([varint(_STEPS), *self._writer.frames(steps)])
        pieces = [varint(_BLOCKS), *PackedWriter(1, len(kinds), literals=False).frames(kinds)]
        each = spread(kinds, len(value), self._spec)
        stored = each != EQUAL
        nearer = _nearer(prediction, each)[stored]
        steps = difference(value[stored], nearer, self._floats)
        order = by_exponent(nearer, self._spec.dtype)
        pieces += self._writer.frames(steps if order is None else steps[order])
        yield min(plain, b"".join(pieces), key=len)


class ResidualReader:
    """Restores values from residuals.

    Args:
        data: The residuals of all chunks.
        spec: Dtype and shape of the value; only the dtype matters.
    """

    def __init__(self, data: memoryview, spec: TensorSpec) -> None:
        self._spec = spec
        self._floats = is_ordered(spec)
        self._reader = PackedReader(data, segment=_SEGMENT // spec.word_size)

    def apply(self, prediction: Words) -> Words:
        """The words of the next chunk.

        Args:
            prediction: The chunk's predicted words, flat.

        Raises:
            CorruptError: The residual is damaged or ends early.
        """
        import numpy as np

        kind = self._reader.varint()
        if kind in _PRUNED:
            pruning = _PRUNED[kind]
            size = self._reader.varint() if pruning.has_gaps else -(-len(prediction) // 8)
            if size > len(prediction):
                raise CorruptError("the payload has a mask of too many elements")
            stored = np.empty(size, np.uint8)
            self._reader.read_whole(stored)
            prediction = pruning.apply(stored, prediction)
            kind = self._reader.varint()
        if kind == _EXACT:
            return prediction
        if kind == _STEPS:
            return self._advanced(prediction)
        each = self._kinds(kind, len(prediction))
        stored = each != EQUAL
        words = prediction.copy()
        words[stored] = self._advanced(_nearer(prediction, each)[stored])
        return words

    def skip(self, words: int) -> None:
        """Pass over the residual of the next chunk.

        Args:
            words: Number of words in the chunk.

        Raises:
            CorruptError: The residual is damaged or ends early.
        """
        import numpy as np

        kind = self._reader.varint()
        if kind in _PRUNED:
            self._reader.skip_whole(1)
            kind = self._reader.varint()
        if kind == _STEPS:
            self._reader.skip(words, self._spec.word_size)
        elif kind != _EXACT:
            stored = np.count_nonzero(self._kinds(kind, words) != EQUAL)
            self._reader.skip(int(stored), self._spec.word_size)

    def _kinds(self, kind: int, words: int) -> NDArray[np.uint8]:
        """The kind of each word of a chunk of several kinds of blocks, which come next.

        Raises:
            CorruptError: The chunk isn't of that kind.
        """
        import numpy as np

        if kind != _BLOCKS:
            raise CorruptError("the payload has a residual of an unknown kind")
        kinds = np.empty(block_count(words, self._spec), np.uint8)
        self._reader.read_whole(kinds)
        if int(kinds.max(initial=0)) > WHOLE:
            raise CorruptError("the payload has blocks of an unknown kind")
        return spread(kinds, words, self._spec)

    def _advanced(self, prediction: Words) -> Words:
        """The words that lie the next steps from a prediction."""
        import numpy as np

        steps = np.empty_like(prediction)
        self._reader.read(steps)
        order = by_exponent(prediction, self._spec.dtype)
        if order is not None:
            placed = np.empty_like(steps)
            placed[order] = steps
            steps = placed
        return advance(prediction, steps, self._floats)

    def end(self) -> None:
        """Check that every byte was read.

        Raises:
            CorruptError: Bytes are left.
        """
        self._reader.end()


def _nearer(prediction: Words, kinds: NDArray[np.uint8]) -> Words:
    """The prediction, with zeros where a word's kind is `WHOLE`."""
    import numpy as np

    return np.where(kinds == WHOLE, prediction.dtype.type(0), prediction)
