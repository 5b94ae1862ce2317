"""The update protocols: a value from a payload and other values, and the payload for a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.rechunk import cut, rechunk

if TYPE_CHECKING:
    from typing import TypeGuard

    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.unsignedinteger[Any]]

#: The bytes of a value in consecutive pieces of any size; each is valid until the next is asked for.
Pieces = Iterator[memoryview]

#: A payload in consecutive pieces; each is valid until the next is asked for.
Payload = Iterator[bytes | memoryview]

#: Gives the bytes of an input from the beginning, each time; the argument is the size that they must have.
Input = Callable[[int], Pieces]


@runtime_checkable
class PartialInput(Protocol):
    """An input of which parts can be read by themselves."""

    def __call__(self, nbytes: int) -> Pieces:
        """All bytes, as of every input."""
        ...

    def part(self, nbytes: int, start: int, end: int) -> Pieces:
        """The bytes from `start` to `end` of a value of `nbytes` bytes, in consecutive pieces."""
        ...


@runtime_checkable
class GlimpsedInput(Protocol):
    """An input of which some chunks can be read by themselves, unverified."""

    def __call__(self, nbytes: int) -> Pieces:
        """All bytes, as of every input."""
        ...

    def glimpses(self, nbytes: int, size: int, places: Sequence[int]) -> Iterator[bytes]:
        """Some chunks of a value of `nbytes` bytes.

        Args:
            nbytes: Bytes of the value.
            size: Bytes of a chunk.
            places: Indices of the chunks, ascending.
        """
        ...


def read_part(read: Input, nbytes: int, start: int, end: int) -> Pieces:
    """The bytes from `start` to `end` of an input of `nbytes` bytes, in consecutive pieces.

    An input whose parts can't be read by themselves is read to its end: it may be verified only there.
    """
    if isinstance(read, PartialInput):
        yield from read.part(nbytes, start, end)
    else:
        yield from cut(read(nbytes), start, end)


#: Number of words of a sample that are enough for an estimate, and of the places that they're taken from.
ENOUGH = 1 << 16
_PLACES = 8


#: Bytes of a piece of zeros.
_ZEROS = 1 << 20


@dataclass(frozen=True, slots=True)
class Base:
    """A value that another one may be an update of.

    Attributes:
        spec: Dtype and shape.
        read: Gives the logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
    """

    spec: TensorSpec
    read: Input

    def chunks(self, size: int) -> Pieces:
        """The bytes in pieces of `size` bytes, but for the last; each is valid until the next is asked for.

        Raises:
            CorruptError: The value has another number of bytes.
        """
        return rechunk(self.read(self.spec.nbytes), size, self.spec.nbytes)

    def glimpses(self, size: int, places: Sequence[int]) -> Iterator[bytes]:
        """Some of the pieces of `chunks`, which may be damaged: for estimates only.

        Args:
            size: As for `chunks`.
            places: Indices of the pieces, ascending.
        """
        if isinstance(self.read, GlimpsedInput):
            yield from self.read.glimpses(self.spec.nbytes, size, places)
        else:
            wanted = set(places)
            yield from (bytes(piece) for at, piece in enumerate(self.chunks(size)) if at in wanted)


class Update(Protocol):
    """A kind of update. One stateless instance serves every value and thread."""

    name: str

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The logical bytes of the value.

        Args:
            payload: The encoded payload; `None` for an update that has none.
            inputs: The values that the update applies to.
            nbytes: Size of the value in bytes, from the manifest.

        Raises:
            CorruptError: The payload can't give a value of that size.
        """
        ...


@runtime_checkable
class Automatic(Update, Protocol):
    """An update that `git add` may choose, on a base of the value's dtype and shape."""

    def estimate(self, sample: Sample) -> float | None:
        """The expected size of the payload as a share of the value's bytes; `None` if unsuitable.

        The estimate must be cheap: it's made for every changed parameter.
        """
        ...

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """The payload that gives exactly the value.

        Encoding is deterministic: a lost payload comes back under its name.

        Args:
            value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
            spec: Dtype and shape of the value, and of the base.
            base: The value that the payload applies to.

        Raises:
            UnsuitableError: Another update does better, which may turn out after pieces were given.
        """
        ...


@runtime_checkable
class Reshaping(Update, Protocol):
    """An update that `git add` may choose on a base of another dtype or shape, such as one with fewer rows.

    The payload needn't give the value exactly: another update then goes on top of what it gives.
    """

    def accepts(self, spec: TensorSpec, base: TensorSpec) -> bool:
        """Whether a base of that dtype and shape may become a value of `spec`."""
        ...

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """The payload that makes of the base a value of `spec`, as near to the given one as possible.

        Args:
            value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
            spec: Dtype and shape of the value.
            base: The value that the payload applies to; `accepts` has passed its type.

        Raises:
            UnsuitableError: The values have too little in common.
        """
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A payload that can be encoded.

    Attributes:
        cost: Its expected size as a share of the value's bytes.
        payload: Encodes it.
    """

    cost: float
    payload: Callable[[], Payload]


@runtime_checkable
class Patching(Update, Protocol):
    """An update that `git add` may choose on a base of another size, and that gives exactly the value."""

    def accepts(self, spec: TensorSpec, base: TensorSpec) -> bool:
        """Whether a value of `spec` may come from a base of that dtype and shape, or an equal one."""
        ...

    def prepare(self, value: memoryview, spec: TensorSpec, base: Base) -> Prepared:
        """Compare the value with the base.

        Args:
            value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
            spec: Dtype and shape of the value.
            base: The value that the payload applies to; `accepts` has passed its type.
        """
        ...


def is_automatic(update: Update) -> TypeGuard[Automatic]:
    """Whether `git add` may choose an update: as `isinstance`, which is too slow for each parameter."""
    return hasattr(update, "estimate") and hasattr(update, "encode")


def is_reshaping(update: Update) -> TypeGuard[Reshaping]:
    """Whether `git add` may choose an update on a base of another dtype or shape; as `is_automatic`."""
    return hasattr(update, "accepts") and hasattr(update, "encode")


def is_patching(update: Update) -> TypeGuard[Patching]:
    """Whether `git add` may choose an update on a base of another size; as `is_automatic`."""
    return hasattr(update, "accepts") and hasattr(update, "prepare")


@dataclass(frozen=True, slots=True)
class Sample:
    """A stretch of a value and the same stretch of its base, for estimates.

    Attributes:
        spec: Dtype and shape of the whole value, and of the whole base.
        value: Consecutive machine words of the value, of the first MiB that differs or of another one.
        base: The words at the same place in the base.
        start: Index of the first word in the value.
        whole: Whether the sample is the whole value.
    """

    spec: TensorSpec
    value: Words
    base: Words
    start: int
    whole: bool

    def part(self) -> tuple[Words, Words]:
        """At most 65,536 words of value and base, from eight places: enough to encode on trial."""
        return _spread(self.value), _spread(self.base)


def _spread(words: Words) -> Words:
    import numpy as np

    if len(words) <= ENOUGH:
        return words
    size = ENOUGH // _PLACES
    starts = np.linspace(0, len(words) - size, _PLACES).astype(int)
    return np.concatenate([words[start : start + size] for start in starts])


class UnsuitableError(Exception):
    """An update can't express a value, or another update does better."""


def single_input(inputs: Sequence[Input], update: str) -> Input:
    """The single input of an update that has one.

    Raises:
        CorruptError: There's another number of inputs.
    """
    if len(inputs) != 1:
        raise CorruptError(f"an update of kind {update!r} has one input, not {len(inputs)}")
    return inputs[0]


def input_or_zeros(inputs: Sequence[Input], update: str) -> Input:
    """The input of an update that may have one; without it, zeros of any number.

    Raises:
        CorruptError: There's more than one.
    """
    return single_input(inputs, update) if inputs else zeros


def zeros(nbytes: int) -> Pieces:
    """An input whose elements are all zero."""
    piece = memoryview(bytes(min(nbytes, _ZEROS)))
    for start in range(0, nbytes, _ZEROS):
        yield piece[: nbytes - start]
