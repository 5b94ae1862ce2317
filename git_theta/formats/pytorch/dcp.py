"""Data files (`.distcp`) of PyTorch's distributed checkpoints: an archive by `torch.save` for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.formats.members import InnerFile, locate_members, member_scalars
from git_theta.formats.pytorch.zip_chain import archive_start, archives
from git_theta.formats.pytorch.zipped import PyTorchZip
from git_theta.formats.zip_structs import LOCAL_MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_theta.formats.base import Located

_FORMATS = (PyTorchZip(),)


class DistributedCheckpoint:
    """Several archives that follow each other; values have their numbers as names, in the order of the file.

    The names of the values are in another file, `.metadata`.
    """

    name = "pytorch-dcp"

    def matches(self, data: memoryview) -> bool:
        """An archive at the start, and another one at the end."""
        return data[:4] == LOCAL_MAGIC and bool(archive_start(data, len(data)))

    def locate(self, data: memoryview) -> Located:
        """Find the tensor of each archive."""
        return locate_members(data, _members(data), _FORMATS)

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The values that aren't tensors."""
        return member_scalars(data, _members(data), _FORMATS)


def _members(data: memoryview) -> list[InnerFile]:
    return [InnerFile(str(number), *place) for number, place in enumerate(archives(data))]
