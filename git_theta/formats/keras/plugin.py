"""Keras's archives: finds the weights' tensors, lists what the model is, and merges files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from git_theta.formats.base import HasScalars, Located
from git_theta.formats.zip_structs import LOCAL_MAGIC
from git_theta.model.layout import Checksum

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from git_theta.formats.base import FileDraft, FileVersion, Prefer
    from git_theta.model.tensor import TensorSpec

#: Bytes of a directory to look for weights in.
_MAX_DIRECTORY = 1 << 20

_WEIGHTS = (b"model.weights.h5", b"model.weights.npz")


class Keras:
    """Files of `Model.save("….keras")`. Tensors have the names that they have in a file of weights alone."""

    name = "keras"

    def matches(self, data: memoryview) -> bool:
        """A zip archive with a member that is a model's weights."""
        if data[:4] != LOCAL_MAGIC:
            return False
        from git_theta.errors import FormatError
        from git_theta.formats.zip_reader import directory_range

        try:
            start, end = directory_range(data)
        except FormatError:
            return False
        directory = bytes(data[start : min(end, start + _MAX_DIRECTORY)])
        return any(name in directory for name in _WEIGHTS)

    def locate(self, data: memoryview) -> Located:
        """The tensors of the weights, in place; the archive's checksums of the weights are computed."""
        from git_theta.formats.keras.archive import read_archive

        archive = read_archive(data)
        weights = archive.weights
        start, end = weights.offset, weights.offset + weights.size
        inner = archive.format.locate(data[start:end])
        tensors = (replace(tensor, offset=tensor.offset + start) for tensor in inner.tensors)
        checksums = [
            Checksum(each.kind, each.offset + start, tuple((at + start, size) for at, size in each.ranges))
            for each in inner.checksums
        ]
        checksums += [Checksum("crc32", at, ((start, weights.size),)) for at in weights.crcs]
        return Located(tuple(tensors), tuple(checksums))

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The values in `config.json` and `metadata.json` by their paths, and the weights' attributes."""
        from git_theta.formats.keras.archive import read_archive
        from git_theta.formats.keras.texts import json_values

        archive = read_archive(data)
        yield from json_values(data, archive)
        if isinstance(archive.format, HasScalars):
            start = archive.weights.offset
            yield from archive.format.scalars(data[start : start + archive.weights.size])

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Take the archive of a side that has all changes of what the model is."""
        from git_theta.formats.keras.compose import compose_keras

        return compose_keras(self, base, sides, wanted, prefer)
