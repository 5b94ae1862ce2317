"""ExecuTorch's programs (`.pte`) and data files (`.ptd`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from git_theta.formats.base import Located, Tensor
from git_theta.formats.executorch.segments import has_magic, segment_base
from git_theta.formats.flatbuffers import root_table
from git_theta.formats.overlap import check_overlap
from git_theta.formats.unique_names import unique_name


class ExecuTorchProgram:
    """Programs: names are those of the model's tensors where it has them, else numbers (`constant/3`)."""

    name = "executorch"

    def matches(self, data: memoryview) -> bool:
        """The identifier of the tables."""
        return has_magic(data, b"ET")

    def locate(self, data: memoryview) -> Located:
        """Find the constants, the initial values of mutable tensors, and delegates' data."""
        from git_theta.formats.executorch.program import program_tensors

        return _located(program_tensors(root_table(data), segment_base(data, b"eh00", 1)), len(data))


class ExecuTorchData:
    """Data files: tensors and other data by name."""

    name = "executorch-data"

    def matches(self, data: memoryview) -> bool:
        """The identifier of the tables."""
        return has_magic(data, b"FT")

    def locate(self, data: memoryview) -> Located:
        """Find the data of each name."""
        from git_theta.formats.executorch.flat_tensors import flat_tensors

        return _located(flat_tensors(root_table(data), segment_base(data, b"FH01", 2)), len(data))


def _located(tensors: Iterable[Tensor], size: int) -> Located:
    counts: dict[str, int] = {}
    found = [replace(each, name=unique_name(each.name or "unnamed", counts)) for each in tensors]
    check_overlap(found, size)
    return Located(tuple(found))
