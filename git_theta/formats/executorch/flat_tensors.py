"""The tensors of a data file (`.ptd`), which a program looks up by their names."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.executorch.segments import read_segments
from git_theta.formats.executorch.tensors import read_spec
from git_theta.formats.flatbuffers import FlatTable
from git_theta.model.tensor import TensorSpec

#: Tensors of a file.
MAX_TENSORS = 300_000

# Numbers of fields in executorch/extension/flat_tensor/serialize/flat_tensor.fbs.
_SEGMENTS, _NAMED = 1, 2
_KEY, _SEGMENT, _LAYOUT = 0, 1, 2


def flat_tensors(root: FlatTable, base: int) -> Iterator[Tensor]:
    """The tensors by name; data that isn't a tensor's is of bytes.

    Args:
        root: The root of the tables.
        base: The position that segments' offsets count from.

    Raises:
        FormatError: A table is damaged, or a tensor leaves its segment.
    """
    segments = read_segments(root, _SEGMENTS, base)
    if root.vector(_NAMED, 4)[1] > MAX_TENSORS:
        raise FormatError(f"more than {MAX_TENSORS} tensors")
    for each in root.tables(_NAMED):
        index, layout = each.number(_SEGMENT, "I"), each.table(_LAYOUT)
        described = read_spec(layout, 0, 1, 2) if layout else None
        if described:
            spec, strides = described
            yield Tensor(each.text(_KEY), spec, segments.part(index, 0, spec.nbytes), strides)
        else:
            start = segments.part(index, 0, 0)
            yield Tensor(each.text(_KEY), TensorSpec("U8", (segments.places[index][1],)), start)
