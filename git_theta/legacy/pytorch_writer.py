"""Write a dictionary of tensors as PyTorch does since version 1.6."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import BinaryIO

from git_theta.formats.pytorch.state_dict import new_state_dict
from git_theta.formats.pytorch.zip_records import read_records
from git_theta.formats.split import complement
from git_theta.legacy.metadata import KeyPath, LegacyError
from git_theta.legacy.values import LegacyValue


def write_pytorch(values: Mapping[KeyPath, LegacyValue], file: BinaryIO) -> None:
    """Write a file that `torch.load` reads as a dictionary of tensors, in the order of the mapping.

    Raises:
        LegacyError: Names are nested.
        ThetaError: A dtype isn't PyTorch's, or a value can't be read.
    """
    draft = new_state_dict({_key(path): value.spec() for path, value in values.items()})
    _, _, members = read_records(draft)
    places = [members[f"data/{index}"] for index in range(len(values))]
    holes = [(place.offset, place.offset + place.size) for place in places]
    file.truncate(len(draft))
    for start, end in complement(holes, len(draft)):
        _write_at(file, start, draft[start:end])
    for place, value in zip(places, values.values(), strict=True):
        data = value.read().tobytes()
        _write_at(file, place.offset, data)
        for field in place.crcs:
            _write_at(file, field, zlib.crc32(data).to_bytes(4, "little"))


def _key(path: KeyPath) -> str:
    if len(path) != 1:
        raise LegacyError(f"a PyTorch checkpoint has no nested names such as {'/'.join(path)[:80]!r}")
    return path[0]


def _write_at(file: BinaryIO, offset: int, data: bytes | memoryview) -> None:
    file.seek(offset)
    file.write(data)
