"""GGUF: finds the tensors, lists the metadata, and merges files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.gguf.header import MAGIC, read_header, read_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from git_theta.formats.base import FileDraft, FileVersion, Prefer
    from git_theta.model.tensor import TensorSpec


#: No version of the format will be as large.
_VERSIONS_END = 1 << 16


class Gguf:
    """The format of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3."""

    name = "gguf"

    def matches(self, data: memoryview) -> bool:
        """The four letters at the start, a version that's a small number, and room for the counts."""
        return len(data) >= 24 and data[:4] == MAGIC and 0 < read_version(data)[0] < _VERSIONS_END

    def locate(self, data: memoryview) -> Located:
        """Read the header; tensors may be in any order and with gaps, but inside the file and apart."""
        tensors = sorted(read_header(data).tensors, key=lambda each: (each.offset, each.spec.nbytes))
        end = 0
        for tensor in tensors:
            if tensor.offset < end:
                raise FormatError(f"tensor {tensor.name[:80]!r} overlaps another one")
            end = tensor.offset + tensor.spec.nbytes
        if end > len(data):
            raise FormatError("the file ends inside its tensors")
        return Located(tuple(tensors))

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The metadata by key; of long arrays, the number of elements and a checksum."""
        from git_theta.formats.gguf.metadata import metadata_text

        header = read_header(data)
        for key, value in header.metadata.items():
            yield key, metadata_text(data, value, header.big_endian)

    def create(self, specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> memoryview:
        """A header of version 3 with the metadata as texts, and room for the tensors."""
        from git_theta.formats.gguf.compose import new_gguf

        return new_gguf(specs, metadata)

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Merge the metadata by key, and write a new header."""
        from git_theta.formats.check_versions import check_versions
        from git_theta.formats.gguf.compose import compose_gguf

        check_versions(self, base, sides)
        return compose_gguf(base, sides, wanted, prefer)
