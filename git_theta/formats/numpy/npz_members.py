"""The members of NumPy's archives: arrays of numbers, and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.numpy.header import read_npy_header
from git_theta.formats.zip_reader import STORED, zip_members

if TYPE_CHECKING:
    from git_theta.formats.numpy.header import NpyHeader
    from git_theta.formats.zip_reader import Member

#: How the names of arrays' members end.
SUFFIX = ".npy"


def read_arrays(data: memoryview) -> dict[str, tuple[Member, NpyHeader | None]]:
    """The members of an archive by name, each with its header if it's an array of numbers.

    Raises:
        FormatError: The archive is damaged.
    """
    return {member.name: (member, _header(data, member)) for member in zip_members(data)}


def _header(data: memoryview, member: Member) -> NpyHeader | None:
    if member.method != STORED or not member.name.endswith(SUFFIX) or member.name == SUFFIX:
        return None
    try:
        return read_npy_header(data[member.offset : member.offset + member.size])
    except FormatError:
        return None
