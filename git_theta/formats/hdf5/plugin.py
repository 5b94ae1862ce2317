"""HDF5: finds the datasets of numbers, and lists the attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor
from git_theta.formats.hdf5.superblock import find_superblock
from git_theta.formats.zip_structs import LOCAL_MAGIC
from git_theta.model.layout import extent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from git_theta.formats.base import FileDraft, FileVersion, Prefer
    from git_theta.model.tensor import TensorSpec


class Hdf5:
    """The format of https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html."""

    name = "hdf5"

    def matches(self, data: memoryview) -> bool:
        """The signature at the start, or after the user's own bytes; not within a zip archive."""
        return data[:4] != LOCAL_MAGIC and find_superblock(data) is not None

    def locate(self, data: memoryview) -> Located:
        """Walk over the groups; datasets may be anywhere, but apart from each other and from metadata."""
        from git_theta.formats.hdf5.superblock import read_superblock
        from git_theta.formats.hdf5.tree import all_tensors

        superblock = read_superblock(data)
        tensors = sorted(all_tensors(superblock, len(data)), key=lambda each: (each.offset, each.name))
        _check_apart(tensors, superblock.metadata.blocks.items())
        return Located(tuple(tensors))

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Take the file of a side that has all changes of attributes, groups and links."""
        from git_theta.formats.hdf5.compose import compose_hdf5

        return compose_hdf5(self, base, sides, wanted, prefer)

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The attributes: path of the object, then `@` and the name."""
        from git_theta.formats.hdf5.superblock import read_superblock
        from git_theta.formats.hdf5.tree import all_attributes

        yield from all_attributes(read_superblock(data), len(data))


def _check_apart(tensors: Iterable[Tensor], blocks: Iterable[tuple[int, int]]) -> None:
    """Check that no two tensors share bytes unless they're one dataset, and that none has metadata's.

    Raises:
        FormatError: Some do.
    """
    places = {_extent(tensor) for tensor in tensors if tensor.spec.count}
    end = 0
    for start, stop in sorted([*places, *((start, start + size) for start, size in blocks)]):
        if start < end:
            raise FormatError("a dataset lies in another one, or in the metadata")
        end = stop


def _extent(tensor: Tensor) -> tuple[int, int]:
    if tensor.strides is None:
        return tensor.offset, tensor.offset + tensor.spec.nbytes
    return extent(tensor.offset, tensor.spec.shape, tensor.strides, tensor.spec.item_size)
