"""Tensors that may share bytes of their file, within limits."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor

#: Tensors may have at most this many times the file's bytes; and where ties count each time.
_MAX_OVERLAP, _MAX_TIED = 4, 256


def check_overlap(tensors: Sequence[Tensor], size: int) -> None:
    """Check that tensors, of which several may have the same bytes, aren't much larger than their file.

    Args:
        tensors: The tensors.
        size: Bytes of the file.

    Raises:
        FormatError: They are.
    """
    tied = sum(tensor.spec.nbytes for tensor in tensors)
    places = {(tensor.offset, tensor.spec, tensor.strides, tensor.big_endian) for tensor in tensors}
    if tied > _MAX_TIED * size or sum(spec.nbytes for _, spec, *_ in places) > _MAX_OVERLAP * size:
        raise FormatError("the tensors are together much larger than the file")
