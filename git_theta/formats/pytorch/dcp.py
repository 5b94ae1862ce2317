"""Data files (`.distcp`) of PyTorch's distributed checkpoints: an archive by `torch.save` for each value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.members import InnerFile, locate_members, member_scalars
from git_theta.formats.pytorch.zip_chain import archive_start, archives
from git_theta.formats.pytorch.zipped import PyTorchZip
from git_theta.formats.unique_names import unique_name
from git_theta.formats.zip_structs import LOCAL_MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_theta.formats.neighbours import Neighbours

_FORMATS = (PyTorchZip(),)


class DistributedCheckpoint:
    """Archives that follow each other.

    The names of the values are in a file `.metadata` beside them. Without that, they're numbers, in the order
    of the file.
    """

    name = "pytorch-dcp"

    def matches(self, data: memoryview) -> bool:
        """An archive at the start, and another one at the end."""
        return data[:4] == LOCAL_MAGIC and bool(archive_start(data, len(data)))

    def locate(self, data: memoryview) -> Located:
        """Find the tensor of each archive."""
        return locate_members(data, _members(data), _FORMATS)

    def matches_beside(self, data: memoryview, neighbours: Neighbours) -> bool:
        """An archive at the end, as by `matches`, or a single one under the usual kind of name."""
        return self.matches(data) or (
            neighbours.name.endswith(".distcp") and archive_start(data, len(data)) is not None
        )

    def locate_beside(self, data: memoryview, neighbours: Neighbours) -> Located:
        """Find the tensor of each archive, by the names that `.metadata` has for these archives."""
        from git_theta.formats.pytorch.dcp_metadata import METADATA, read_dcp_metadata

        metadata = neighbours.read(METADATA)
        if metadata is None:
            raise FormatError(f"there's no file {METADATA} beside it")
        places = {
            (chunk.start, chunk.start + chunk.size): chunk
            for chunk in read_dcp_metadata(metadata)
            if chunk.file == neighbours.name
        }
        members = _members(data)
        chunks = {each.name: places.get((each.start, each.end)) for each in members}
        if not any(chunks.values()):
            raise FormatError(f"{METADATA} is of other files")
        located = locate_members(data, members, _FORMATS)
        counts: dict[str, int] = {}
        tensors = []
        for tensor in located.tensors:
            chunk = chunks.get(tensor.name)
            name = chunk.full_name(tensor.spec.shape) if chunk else tensor.name
            tensors.append(replace(tensor, name=unique_name(name or tensor.name, counts)))
        return Located(tuple(tensors), located.checksums)

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The values that aren't tensors."""
        return member_scalars(data, _members(data), _FORMATS)


def _members(data: memoryview) -> list[InnerFile]:
    return [InnerFile(str(number), *place) for number, place in enumerate(archives(data))]
