"""The records of PyTorch's zip archives: members of one folder, `data.pkl` among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.zip_reader import Member, read_member, zip_members

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Bytes of a pickle, which may be compressed, and of a directory to look for one in.
MAX_PICKLE = 1 << 28


def read_records(data: memoryview) -> tuple[list[Member], str, dict[str, Member]]:
    """The members of an archive, their folder, and the members in that folder by the rest of their names.

    Raises:
        FormatError: The archive is damaged or isn't PyTorch's.
    """
    found = zip_members(data)
    folder = found[0].name.partition("/")[0] if found else ""
    records = {m.name.removeprefix(f"{folder}/"): m for m in found if m.name.startswith(f"{folder}/")}
    if "data.pkl" not in records:
        raise FormatError("the zip archive has no data.pkl: it isn't PyTorch's")
    return found, folder, records


def is_big_endian(data: memoryview, records: Mapping[str, Member]) -> bool:
    """Whether storages hold the most significant byte first."""
    return "byteorder" in records and read_member(data, records["byteorder"], 16) == b"big"
