"""The members of a Keras archive: weights, and texts of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.hdf5.plugin import Hdf5
from git_theta.formats.numpy.npz import Npz
from git_theta.formats.zip_reader import STORED, Member, zip_members

if TYPE_CHECKING:
    from git_theta.formats.base import Format

#: Name of the weights' member, and the format that they're in.
WEIGHTS: dict[str, type[Hdf5 | Npz]] = {"model.weights.h5": Hdf5, "model.weights.npz": Npz}

#: Name of the member that says what the model is; that of versions and the date.
CONFIG, METADATA = "config.json", "metadata.json"

#: The date of a save, which is a new one each time.
DATE = "date_saved"


@dataclass(frozen=True, slots=True)
class KerasArchive:
    """An archive's members.

    Attributes:
        members: All members by name.
        weights: The weights' one.
        format: The format that they're in.
    """

    members: Mapping[str, Member]
    weights: Member
    format: Format


def read_archive(data: memoryview) -> KerasArchive:
    """The members of an archive.

    Raises:
        FormatError: The archive is damaged, has no weights, or has them compressed.
    """
    members = {member.name: member for member in zip_members(data)}
    found = [name for name in WEIGHTS if name in members]
    if len(found) != 1:
        raise FormatError("the archive doesn't have weights once")
    weights = members[found[0]]
    if weights.method != STORED:
        raise FormatError(f"{weights.name} is compressed")
    return KerasArchive(members, weights, WEIGHTS[found[0]]())
