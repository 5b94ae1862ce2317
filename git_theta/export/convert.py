"""Values in another dtype, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from git_theta.export.plan import ExportedTensor
from git_theta.updates.base import Pieces
from git_theta.updates.rechunk import rechunk

#: Elements that are converted at once.
_BLOCK = 1 << 18


def converted(
    tensor: ExportedTensor, pieces: Pieces, overflowed: Callable[[int], object]
) -> Iterator[memoryview]:
    """The value of a tensor in its new dtype, each element rounded to nearest, ties to even.

    Args:
        tensor: The tensor.
        pieces: Its value in the old dtype, cut anywhere.
        overflowed: Called with a number of elements that were finite and have become infinite.

    Raises:
        CorruptError: The value has another length.
    """
    import numpy as np

    from git_theta.updates.rounding import convert, widen

    source, target = tensor.entry.spec, tensor.spec
    for block in rechunk(iter(pieces), _BLOCK * source.item_size, source.nbytes):
        words = np.frombuffer(block, f"<u{source.item_size}")
        result = convert(words, source.dtype, target.dtype)
        infinite = np.isinf(widen(result, target.dtype))
        if infinite.any():
            lost = int(np.count_nonzero(infinite & np.isfinite(widen(words, source.dtype))))
            if lost:
                overflowed(lost)
        yield memoryview(result.tobytes())
