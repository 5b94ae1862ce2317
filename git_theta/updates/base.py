"""What an update plugin is: a way to write a value as a payload, and to get it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.unsignedinteger[Any]]

#: The bytes of a value in consecutive pieces; each is valid until the next is asked for.
Pieces = Iterator[memoryview]

#: A payload in consecutive pieces; each is valid until the next is asked for.
Payload = Iterator[bytes | memoryview]

#: Gives the bytes of an input, whose size the caller must know, from the beginning each time.
Input = Callable[[int], Pieces]


#: Words of a sample that are enough for an estimate by trial, and in how many places they're taken.
_ENOUGH = 1 << 16
_PLACES = 8


class Update(Protocol):
    """A kind of update. Stateless: one instance serves every value and thread."""

    name: str

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The logical bytes of the value.

        Args:
            payload: What was encoded, or `None` for an update that has none.
            inputs: The values that the update applies to.
            nbytes: Size of the value, from the manifest.

        Raises:
            CorruptError: The payload can't give a value of that size.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """A piece of a value beside the same piece of its base: what a choice is made from.

    Attributes:
        spec: Of the whole value and the whole base.
        value: Some of its machine words, consecutive, from the first MiB that differs.
        base: The words at the same place in the base.
        start: Index of the first one.
        whole: Whether that's all there is.
    """

    spec: TensorSpec
    value: Words
    base: Words
    start: int
    whole: bool

    def part(self) -> tuple[Words, Words]:
        """Enough of value and base for an estimate by trial, from places all over the sample."""
        return _spread(self.value), _spread(self.base)


def _spread(words: Words) -> Words:
    import numpy as np

    if len(words) <= _ENOUGH:
        return words
    size = _ENOUGH // _PLACES
    starts = np.linspace(0, len(words) - size, _PLACES).astype(int)
    return np.concatenate([words[start : start + size] for start in starts])


class Automatic(Update, Protocol):
    """An update that `git add` may choose by itself."""

    def estimate(self, sample: Sample) -> float | None:
        """The expected size of the payload as a share of the value's bytes; `None` if unsuitable.

        This must be cheap: it's asked for every changed parameter.
        """
        ...

    def encode(self, value: memoryview, spec: TensorSpec, base: Input) -> Payload:
        """The payload for a value, given its base of the same dtype and shape.

        Encoding is deterministic: a lost payload comes back under its name.

        Args:
            value: Logical bytes: C-contiguous, little-endian.
            spec: Dtype and shape.
            base: The bytes of the base.

        Raises:
            UnsuitableError: Another update would do better; noticed only now.
        """
        ...


class UnsuitableError(Exception):
    """This update isn't worth it for this value, or can't express it."""


def only(inputs: Sequence[Input], update: str) -> Input:
    """The one input of an update that has one.

    Raises:
        CorruptError: There's another number of them.
    """
    if len(inputs) != 1:
        raise CorruptError(f"an update of kind {update!r} has one input, not {len(inputs)}")
    return inputs[0]
