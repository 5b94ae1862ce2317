"""The format of `numpy.savez`: a zip archive of arrays that aren't compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor
from git_theta.formats.numpy.npz_members import SUFFIX, read_arrays
from git_theta.formats.zip_reader import STORED, directory_range, first_member_name
from git_theta.formats.zip_structs import ENTRY, ENTRY_MAGIC, LOCAL_MAGIC
from git_theta.model.layout import Checksum

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from git_theta.formats.base import FileDraft, FileVersion, Prefer
    from git_theta.model.tensor import TensorSpec

#: Bytes of a directory to look for arrays in.
_MAX_DIRECTORY = 1 << 28


class Npz:
    """Zip archives whose members are arrays, among others, none of them compressed."""

    name = "npz"

    def matches(self, data: memoryview) -> bool:
        """A zip archive with stored arrays only; if it's cut off, with one at its start."""
        if bytes(data[:4]) != LOCAL_MAGIC:
            return False
        try:
            start, end = directory_range(data)
        except FormatError:
            stored = data[8:10] == STORED.to_bytes(2, "little")
            return stored and first_member_name(data).endswith(SUFFIX.encode())
        if end - start > _MAX_DIRECTORY:
            return False
        methods = list(_array_methods(bytes(data[start:end])))
        return bool(methods) and all(method == STORED for method in methods)

    def locate(self, data: memoryview) -> Located:
        """Read the header of each array; members of other kinds and dtypes stay in the layout."""
        tensors: list[Tensor] = []
        checksums: list[Checksum] = []
        for member, header in read_arrays(data).values():
            if header is None:
                continue
            name = member.name.removesuffix(SUFFIX)
            offset = member.offset + header.size
            tensors.append(Tensor(name, header.spec, offset, header.strides, header.big_endian))
            checksums += [Checksum("crc32", at, ((member.offset, member.size),)) for at in member.crcs]
        if not tensors:
            raise FormatError("none of its members is an array of numbers")
        return Located(tuple(tensors), tuple(checksums))

    def create(self, specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> memoryview:
        """An archive of arrays, as `numpy.savez` writes it."""
        from git_theta.formats.numpy.compose import new_npz

        return new_npz(specs)

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Merge the members, and write a new archive."""
        from git_theta.formats.numpy.compose import compose_npz

        return compose_npz(base, sides, wanted, prefer)


def _array_methods(directory: bytes) -> Iterator[int]:
    """The compression of each array in a directory, as far as the directory makes sense."""
    position = 0
    while position + ENTRY.size <= len(directory):
        entry = ENTRY.unpack_from(directory, position)
        signature, method, n_name, n_extra, n_comment = entry[0], entry[4], *entry[10:13]
        if signature != ENTRY_MAGIC:
            return
        end = position + ENTRY.size + n_name
        if directory.endswith(SUFFIX.encode(), position, end):
            yield method
        position = end + n_extra + n_comment
