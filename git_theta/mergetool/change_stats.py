"""Statistics of the changes on two sides: relative norms, and the angle between them, from samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from operator import add

from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry
from git_theta.report.elements import as_float64
from git_theta.runtime.threads import run_all
from git_theta.updates.rechunk import rechunk

#: Reads the bytes of a parameter, in pieces.
Read = Callable[[Entry], Iterator[memoryview]]

#: Elements that are read together; no sample is smaller.
_BLOCK = 1 << 18

#: Parameters of a large group that are sampled.
_MOST_SAMPLED = 8


@dataclass(frozen=True, slots=True)
class Comparison:
    """Three versions of a parameter.

    Attributes:
        reference: The version that ours and theirs are compared with.
        ours: Our version.
        theirs: Their version.
    """

    reference: Entry
    ours: Entry
    theirs: Entry

    @property
    def entries(self) -> tuple[Entry, Entry, Entry]:
        """Reference, ours and theirs."""
        return self.reference, self.ours, self.theirs


@dataclass(frozen=True, slots=True)
class ChangeStats:
    """Sums over elements, in float64, of one or several parameters.

    An element that isn't finite in one of the versions counts in no sum.

    Attributes:
        reference: Sum of the squares of the reference.
        ours: Sum of the squares of ours minus the reference.
        theirs: Sum of the squares of theirs minus the reference.
        apart: Sum of the squares of ours minus theirs.
        products: Sum of the products of both changes.
        sampled: Whether only some of the elements were read.
    """

    reference: float = 0.0
    ours: float = 0.0
    theirs: float = 0.0
    apart: float = 0.0
    products: float = 0.0
    sampled: bool = False

    def __add__(self, other: ChangeStats) -> ChangeStats:
        return ChangeStats(
            self.reference + other.reference,
            self.ours + other.ours,
            self.theirs + other.theirs,
            self.apart + other.apart,
            self.products + other.products,
            self.sampled or other.sampled,
        )

    def relative_norm(self, squares: float) -> float | None:
        """A norm as a share of the reference's norm; `None` if the latter is zero, or one isn't finite.

        Args:
            squares: The sum of squares whose root is the norm, such as `ours`.
        """
        if not self.reference or not math.isfinite(squares + self.reference):
            return None
        return math.sqrt(squares) / math.sqrt(self.reference)

    @property
    def cosine(self) -> float | None:
        """The cosine of the angle between both changes; `None` if one is zero or isn't finite."""
        if not self.ours or not self.theirs or not math.isfinite(self.products):
            return None
        return max(-1.0, min(1.0, self.products / math.sqrt(self.ours) / math.sqrt(self.theirs)))


def group_stats(comparisons: Sequence[Comparison], read: Read, limit: int, threads: int) -> ChangeStats | str:
    """Statistics of a group of parameters, from some of them; a string is the reason why there are none.

    Args:
        comparisons: The parameters.
        read: Reads their values.
        limit: About the number of bytes to read of each version.
        threads: Parameters to read at once.
    """
    small = sum(each.reference.spec.nbytes for each in comparisons) <= limit
    some = comparisons if small else comparisons[:: math.ceil(len(comparisons) / _MOST_SAMPLED)]
    found = parameter_stats(some, read, limit, threads)
    known = [each for each in found if isinstance(each, ChangeStats)]
    if not known:
        return next((each for each in found if isinstance(each, str)), "no values")
    return reduce(add, known, ChangeStats(sampled=len(known) < len(comparisons)))


def parameter_stats(
    comparisons: Sequence[Comparison], read: Read, limit: int, threads: int
) -> list[ChangeStats | str]:
    """Statistics of each parameter, or the reason why it has none. Arguments are those of `group_stats`."""
    if not comparisons:
        return []
    share = limit // len(comparisons)

    def one(comparison: Comparison) -> ChangeStats | str:
        try:
            return _stats(comparison, read, share)
        except ThetaError as error:
            return error.message

    with ThreadPoolExecutor(max(1, threads)) as pool:
        return run_all(pool, one, comparisons)


def _stats(comparison: Comparison, read: Read, limit: int) -> ChangeStats | str:
    if len({entry.spec.shape for entry in comparison.entries}) > 1:
        return "another shape"
    reference, ours, theirs = comparison.entries
    total, count = ChangeStats(), 0
    blocks = [rechunk(read(e), _BLOCK * e.spec.item_size, e.spec.nbytes) for e in comparison.entries]
    for data in zip(*blocks, strict=False):
        total += _block_stats(comparison, data)
        count += len(data[0]) // reference.spec.item_size
        # A sample must show every change, also one that begins far into the values.
        complete = (total.ours or ours.digest == reference.digest) and (
            total.theirs or theirs.digest == reference.digest
        )
        if complete and count * reference.spec.item_size >= limit:
            break
    return total + ChangeStats(sampled=count < reference.spec.count)


def _block_stats(comparison: Comparison, data: Sequence[memoryview]) -> ChangeStats:
    import numpy as np

    reference, ours, theirs = (
        as_float64(block, entry.spec) for block, entry in zip(data, comparison.entries, strict=True)
    )
    # Squares of very large doubles overflow to infinity, which the sums keep.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(reference + ours + theirs).all(axis=1)
        if not finite.all():
            reference, ours, theirs = reference[finite], ours[finite], theirs[finite]
        apart = ours - theirs
        ours, theirs = ours - reference, theirs - reference
        pairs = ((reference, reference), (ours, ours), (theirs, theirs), (apart, apart), (ours, theirs))
        sums = [float(np.einsum("ij,ij->", one, other)) for one, other in pairs]
    return ChangeStats(sums[0], sums[1], sums[2], sums[3], sums[4])
