"""Zip archives with checkpoints in them that aren't compressed, such as those of Stable-Baselines3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.archive.member_formats import HEAD, may_be_checkpoint, member_formats
from git_theta.formats.members import InnerFile, locate_members, member_scalars
from git_theta.formats.zip_reader import STORED, directory_bytes, zip_members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_theta.formats.base import Located

#: Bytes of a directory to look for checkpoints in.
_MAX_DIRECTORY = 1 << 24

#: The end of a member's name in PyTorch's archives.
_PYTORCH = b"/data.pkl"


class Zip:
    """Archives of any files; those of other formats, and compressed ones, stay in the layout."""

    name = "zip"

    def matches(self, data: memoryview) -> bool:
        """A zip archive that isn't PyTorch's, of which a stored member begins like a checkpoint."""
        directory = directory_bytes(data, _MAX_DIRECTORY)
        if not directory or _PYTORCH in directory:
            return False
        try:
            return bool(_checkpoints(data))
        except FormatError:
            return False

    def locate(self, data: memoryview) -> Located:
        """Find the tensors in each member by its own format."""
        located = locate_members(data, _checkpoints(data), member_formats())
        if not located.tensors:
            raise FormatError("no member of it is a checkpoint")
        return located

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The plain values in each member."""
        return member_scalars(data, _checkpoints(data), member_formats())


def _checkpoints(data: memoryview) -> list[InnerFile]:
    return [
        InnerFile(member.name, member.offset, member.offset + member.size, member.crcs)
        for member in zip_members(data)
        if member.method == STORED
        and may_be_checkpoint(bytes(data[member.offset : member.offset + min(HEAD, member.size)]))
    ]
