"""Tar archives with checkpoints in them, such as NeMo's `.nemo` files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.archive.member_formats import HEAD, may_be_checkpoint, member_formats
from git_theta.formats.archive.tar_reader import begins_tar, tar_files
from git_theta.formats.members import locate_members, member_scalars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_theta.formats.base import Located
    from git_theta.formats.members import InnerFile


class Tar:
    """Archives that aren't compressed; files of other formats stay in the layout."""

    name = "tar"

    def matches(self, data: memoryview) -> bool:
        """The magic of a header."""
        return begins_tar(data)

    def locate(self, data: memoryview) -> Located:
        """Find the tensors in each file by its own format."""
        located = locate_members(data, _checkpoints(data), member_formats())
        if not located.tensors:
            raise FormatError("no file in it is a checkpoint")
        return located

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The plain values in each file."""
        return member_scalars(data, _checkpoints(data), member_formats())


def _checkpoints(data: memoryview) -> list[InnerFile]:
    return [each for each in tar_files(data) if may_be_checkpoint(bytes(data[each.start : each.end][:HEAD]))]
