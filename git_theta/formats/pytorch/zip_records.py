"""The records of PyTorch's zip archives: members of one folder, `data.pkl` among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.zip_reader import STORED, Member, read_member, zip_members
from git_theta.model.checksum import WIDTHS
from git_theta.model.layout import Checksum

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

#: Bytes of a pickle, which may be compressed, and of a directory to look for one in.
MAX_PICKLE = 1 << 28

#: Digits of the serialization id: 20 for the names of the records, 20 for their content.
_ID_SIZE = 40


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


def record_checksums(
    found: list[Member], used: Container[str], identity: Member | None
) -> tuple[Checksum, ...]:
    """The checksums that change with tensors: CRCs, then the id that depends on them, then the CRCs of that.

    Args:
        found: All members of the archive.
        used: Names of those that have tensors.
        identity: The member that has the serialization id, if there's one.
    """
    checksums = [crc for member in found if member.name in used for crc in _crcs(member)]
    if checksums and identity is not None and identity.method == STORED and identity.size == _ID_SIZE:
        earlier = found[: found.index(identity)]
        # PyTorch leaves empty records out of the id.
        fields = tuple((member.crc, 4) for member in earlier if member.size)
        half = WIDTHS["torch-serialization-id"]
        checksums.append(Checksum("torch-serialization-id", identity.offset + _ID_SIZE - half, fields))
        checksums += _crcs(identity)
    return tuple(checksums)


def _crcs(member: Member) -> list[Checksum]:
    return [Checksum("crc32", at, ((member.offset, member.size),)) for at in member.crcs]
