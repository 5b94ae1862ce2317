"""The format of `numpy.save`: a header and the elements of one array."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.formats.base import Located, Tensor
from git_theta.formats.numpy.header import ARRAY, MAGIC, read_npy_header

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from git_theta.formats.base import FileDraft, FileVersion, Prefer
    from git_theta.model.tensor import TensorSpec


class Npy:
    """An array in a file; bytes that follow it stay in the layout."""

    name = "npy"

    def matches(self, data: memoryview) -> bool:
        """NumPy's magic bytes."""
        return bytes(data[:6]) == MAGIC

    def locate(self, data: memoryview) -> Located:
        """Read the header."""
        header = read_npy_header(data)
        return Located((Tensor(ARRAY, header.spec, header.size, header.strides, header.big_endian),))

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Write a header for the wanted dtype and shape."""
        from git_theta.formats.numpy.compose import compose_npy

        return compose_npy(sides, wanted)
