"""Queries: the elements of a new value where those of stored sketches would be, and how much they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.sampled_forms import SampledForm, same_order
from git_theta.sketches.sketch import HEAD, difference_bits, own_bits, resolution, sample_keys

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.sketches.sketch import Keys

#: A value is related if the bits of the differences are at most this share of those from an unrelated value.
#: Few elements say less: with them, one of thousands of unrelated values would seem to be a little closer.
_RELATED = 0.95
_MARGIN = 3.0

#: Steps between float32 numbers that are about equal, and the least share of those in beginnings that are.
_ABOUT = 1 << 22
_MOST = 0.75

#: The fewest elements at the beginnings that say which sketches to compare as a whole.
_MIN_HEAD = 4

#: The number of sketches that are compared as a whole, beside ones that begin as closely.
_COMPARED = 32
_MAX_COMPARED = 128

#: Where an unrelated value differs by fewer bits than this, there's nothing to gain.
_MIN_OWN_BITS = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class NewValue:
    """A value to search stored ones for.

    Attributes:
        spec: Dtype and shape.
        words: Its machine words, flat.
        keys: Its own sketch.
        unrelated: The mean number of bits by which elements of an unrelated value differ.
    """

    spec: TensorSpec
    words: NDArray[np.unsignedinteger]
    keys: Keys
    unrelated: float

    @classmethod
    def of(cls, value: memoryview, spec: TensorSpec) -> NewValue:
        """The new value of some logical bytes: C-contiguous, little-endian, `spec.nbytes` of them."""
        import numpy as np

        words = np.frombuffer(value, f"<u{spec.word_size}")
        keys = sample_keys(words[same_order(spec).positions], spec)
        return cls(spec, words, keys, own_bits(keys, resolution(spec)))

    @property
    def varies(self) -> bool:
        """Whether there's something to gain by a base."""
        return self.unrelated >= _MIN_OWN_BITS

    def saving(self, bits: float) -> float:
        """The share of the bits, from 0 to 1, that a base saves from which elements differ by so many."""
        return max(0.0, 1 - bits / self.unrelated) if self.unrelated else 0.0

    def query(self, form: SampledForm) -> Query:
        """The value's elements at the places of a form."""
        if form is same_order(self.spec):
            return Query(self, form, self.keys)
        return Query(self, form, sample_keys(self.words[form.positions], self.spec))


@dataclass(frozen=True, eq=False, slots=True)
class Query:
    """Elements of a new value, to be compared with sketches.

    Attributes:
        new: The value.
        form: Where the elements are.
        keys: The elements as in `Sketch`.
    """

    new: NewValue
    form: SampledForm
    keys: Keys

    @property
    def limit(self) -> float:
        """The most bits by which elements of a related value differ on average."""
        return self.new.unrelated * (_RELATED - _MARGIN / len(self.keys))

    def bits(self, sketches: Keys) -> NDArray[np.float64]:
        """The mean number of bits of the differences from some stored values.

        Args:
            sketches: uint32 [number of values, number of samples].
        """
        differences = difference_bits(self.keys, sketches[:, self.form.samples], resolution(self.new.spec))
        means: NDArray[np.float64] = differences.sum(axis=1) / len(self.keys)
        return means

    def closest(self, heads: Keys) -> NDArray[np.integer]:
        """The indices of stored values that may be related by the beginnings of their sketches, ascending.

        Args:
            heads: uint32 [HEAD, number of values].
        """
        import numpy as np

        samples = self.form.samples[self.form.samples < HEAD]
        if len(samples) < _MIN_HEAD or not heads.shape[1]:
            return np.arange(0)
        keys = self.keys[: len(samples), None]
        if len(samples) < HEAD:
            heads = heads[samples]
        return self._nearest(keys, heads, self._near(keys, heads))

    def _near(self, keys: Keys, heads: Keys) -> NDArray[np.integer]:
        """The values most of whose first elements are about as large as those of the new one."""
        import numpy as np

        if self.form.in_order and heads.shape[1] <= _COMPARED:
            return np.arange(heads.shape[1])
        steps = np.subtract(heads, np.subtract(keys, np.uint32(_ABOUT)))
        return np.flatnonzero(np.count_nonzero(steps <= 2 * _ABOUT, axis=0) >= _MOST * len(keys))

    def _nearest(self, keys: Keys, heads: Keys, near: NDArray[np.integer]) -> NDArray[np.integer]:
        """Indices of those near values that begin with the smallest differences, as many as are compared."""
        import numpy as np

        if len(near) <= _COMPARED:
            return near
        bits = difference_bits(keys, heads[:, near], resolution(self.new.spec)).sum(axis=0)
        order = np.argsort(bits, kind="stable")
        # Equally close ones are compared, too, unless there are very many.
        count = int(np.searchsorted(bits[order], bits[order[_COMPARED - 1]], "right"))
        return np.sort(near[order[: min(count, _MAX_COMPARED)]])
