"""Figures: how far two versions of a parameter are from a third one and from each other, from samples."""

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

#: The bytes of a parameter, in pieces.
Read = Callable[[Entry], Iterator[memoryview]]

#: What the others are compared with, and the two others: base, ours, theirs.
Trio = tuple[Entry, Entry, Entry]

#: Elements that are looked at together; no sample is smaller.
_CHUNK = 1 << 18

#: Of so many parameters of a group, samples are taken.
_MOST_SAMPLED = 8


@dataclass(frozen=True, slots=True)
class ChangeStats:
    """Sums over elements, in float64; those of several parameters can be added.

    Elements that aren't finite in one of the versions are in no sum.

    Attributes:
        middle: Sum of the squares of what the others are compared with.
        ours: Sum of the squares of ours' differences from it.
        theirs: Sum of the squares of theirs' differences from it.
        apart: Sum of the squares of the differences between ours and theirs.
        products: Sum of the products of ours' and theirs' differences.
        sampled: Whether there are elements that weren't looked at.
    """

    middle: float = 0.0
    ours: float = 0.0
    theirs: float = 0.0
    apart: float = 0.0
    products: float = 0.0
    sampled: bool = False

    def __add__(self, other: ChangeStats) -> ChangeStats:
        return ChangeStats(
            self.middle + other.middle,
            self.ours + other.ours,
            self.theirs + other.theirs,
            self.apart + other.apart,
            self.products + other.products,
            self.sampled or other.sampled,
        )

    def share(self, squares: float) -> float | None:
        """A norm as a share of that of the middle; `None` where that's zero or beyond float64."""
        if not self.middle or not math.isfinite(squares + self.middle):
            return None
        return math.sqrt(squares) / math.sqrt(self.middle)

    @property
    def cosine(self) -> float | None:
        """The cosine of the angle between the two differences; `None` where one is zero."""
        if not self.ours or not self.theirs or not math.isfinite(self.products):
            return None
        return max(-1.0, min(1.0, self.products / math.sqrt(self.ours) / math.sqrt(self.theirs)))


def of_group(trios: Sequence[Trio], read: Read, limit: int, threads: int) -> ChangeStats | str:
    """Figures of a few parameters of a group, all together; or why there are none.

    Args:
        trios: The group's parameters.
        read: Reads their values.
        limit: About how many bytes of a version to read.
        threads: How many parameters to read at once.
    """
    small = sum(middle.spec.nbytes for middle, _, _ in trios) <= limit
    some = trios if small else trios[:: math.ceil(len(trios) / _MOST_SAMPLED)]
    found = of_each(some, read, limit, threads)
    known = [each for each in found if isinstance(each, ChangeStats)]
    if not known:
        return next((each for each in found if isinstance(each, str)), "no values")
    return reduce(add, known, ChangeStats(sampled=len(known) < len(trios)))


def of_each(trios: Sequence[Trio], read: Read, limit: int, threads: int) -> list[ChangeStats | str]:
    """Figures of parameters; or why one has none. Arguments are as for `of_group`."""
    if not trios:
        return []
    each = limit // len(trios)

    def one(trio: Trio) -> ChangeStats | str:
        try:
            return _of(trio, read, each)
        except ThetaError as error:
            return error.message

    with ThreadPoolExecutor(max(1, threads)) as pool:
        return run_all(pool, one, trios)


def _of(trio: Trio, read: Read, limit: int) -> ChangeStats | str:
    middle, ours, theirs = trio
    if len({entry.spec.shape for entry in trio}) > 1:
        return "another shape"
    total, seen = ChangeStats(), 0
    blocks = [rechunk(read(e), _CHUNK * e.spec.item_size, e.spec.nbytes) for e in trio]
    for data in zip(*blocks, strict=False):
        total += _of_block(trio, data)
        seen += len(data[0]) // middle.spec.item_size
        # Where a change is only further on, a sample must not say that there's none.
        shows = (total.ours or ours.digest == middle.digest) and (
            total.theirs or theirs.digest == middle.digest
        )
        if shows and seen * middle.spec.item_size >= limit:
            break
    return total + ChangeStats(sampled=seen < middle.spec.count)


def _of_block(trio: Trio, data: Sequence[memoryview]) -> ChangeStats:
    import numpy as np

    middle, ours, theirs = (as_float64(each, entry.spec) for each, entry in zip(data, trio, strict=True))
    # Squares of very large doubles are infinite, and say so.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(middle + ours + theirs).all(axis=1)
        if not finite.all():
            middle, ours, theirs = middle[finite], ours[finite], theirs[finite]
        apart = ours - theirs
        ours, theirs = ours - middle, theirs - middle
        pairs = ((middle, middle), (ours, ours), (theirs, theirs), (apart, apart), (ours, theirs))
        sums = [float(np.einsum("ij,ij->", one, other)) for one, other in pairs]
    return ChangeStats(sums[0], sums[1], sums[2], sums[3], sums[4])
