"""TensorFlow: data files of checkpoints and SavedModels, as the index beside them describes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor

if TYPE_CHECKING:
    from git_theta.formats.neighbours import Neighbours

#: The name of a data file: that of the bundle, its number, and the number of data files.
_NAME = re.compile(r"(.+)\.data-(\d{5,9})-of-(\d{5,9})", re.ASCII | re.DOTALL)


class TensorFlowBundle:
    """Data files such as `variables.data-00000-of-00001`, which have nothing but the bytes of tensors."""

    name = "tensorflow"

    def matches(self, data: memoryview) -> bool:
        """Never: the bytes alone don't say it."""
        return False

    def locate(self, data: memoryview) -> Located:
        """Nothing can be found in the bytes alone."""
        raise FormatError("the index of the data file isn't known")

    def matches_beside(self, data: memoryview, neighbours: Neighbours) -> bool:
        """Whether the name is that of a data file."""
        return _NAME.fullmatch(neighbours.name) is not None

    def locate_beside(self, data: memoryview, neighbours: Neighbours) -> Located:
        """Find the tensors that the index has in this file; texts stay in the layout."""
        from git_theta.formats.tensorflow.index import read_index

        name = _NAME.fullmatch(neighbours.name)
        index = neighbours.read(f"{name[1]}.index") if name else None
        if name is None or index is None:
            raise FormatError("there's no index beside it")
        bundle = read_index(memoryview(index))
        if bundle.shards != int(name[3]):
            raise FormatError("the index beside it has another number of data files")
        end = 0
        tensors = []
        entries = (each for each in bundle.entries if each.shard == int(name[2]))
        for entry in sorted(entries, key=lambda entry: (entry.offset, entry.size)):
            if entry.offset < end or entry.offset + entry.size > len(data):
                raise FormatError(f"tensor {entry.name[:80]!r} overlaps another one, or ends outside")
            end = entry.offset + entry.size
            if entry.spec:
                big_endian = bundle.big_endian and entry.spec.word_size > 1
                tensors.append(Tensor(entry.name, entry.spec, entry.offset, None, big_endian))
        if not tensors:
            raise FormatError("the index beside it has no tensors in this file")
        return Located(tuple(tensors))
