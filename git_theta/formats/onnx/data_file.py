"""Data files of ONNX models: the elements of tensors, whose places are in a model beside the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor

if TYPE_CHECKING:
    from git_theta.formats.neighbours import Neighbours
    from git_theta.formats.onnx.external_places import ExternalPlace

_SUFFIX = ".onnx"

#: Models beside a file that are asked for it.
_MAX_MODELS = 8


class OnnxData:
    """Files that models of ONNX name as the place of tensors, such as `model.onnx.data`, `model.onnx_data`.

    The bytes of such a file say nothing about it.
    """

    name = "onnx-data"

    def matches(self, data: memoryview) -> bool:
        """No: nothing in the file tells."""
        return False

    def locate(self, data: memoryview) -> Located:
        """Nothing can be found without a model."""
        raise FormatError("a data file of ONNX's is described by a model beside it")

    def matches_beside(self, data: memoryview, neighbours: Neighbours) -> bool:
        """Whether there's a model beside the file."""
        return bool(_models(neighbours))

    def locate_beside(self, data: memoryview, neighbours: Neighbours) -> Located:
        """The tensors that the first model says are in this file; of those in one place, the first one."""
        from git_theta.formats.onnx.external_places import external_places

        for name in _models(neighbours)[:_MAX_MODELS]:
            content = neighbours.read(name)
            places = external_places(content).get(neighbours.name, ()) if content else ()
            found = tuple(_tensors(places, len(data)))
            if found:
                return Located(found)
        raise FormatError("no model beside the file names it")


def _models(neighbours: Neighbours) -> list[str]:
    """Names of models in the folder, those first that the file's name begins like."""
    models = [name for name in neighbours.names() if name.endswith(_SUFFIX) and name != neighbours.name]
    return sorted(models, key=lambda name: not neighbours.name.startswith(name.removesuffix(_SUFFIX)))


def _tensors(places: Sequence[ExternalPlace], size: int) -> Iterator[Tensor]:
    """The tensors in a file, in its order.

    Args:
        places: Those that a model says are there.
        size: Bytes of the file.

    Raises:
        FormatError: The model describes another file: tensors overlap, or are outside of it.
    """
    found: dict[int, Tensor] = {}
    for place in places:
        length = size - place.offset if place.length is None else place.length
        if place.spec.nbytes == length:
            found.setdefault(place.offset, Tensor(place.name, place.spec, place.offset))
    end = 0
    for start in sorted(found):
        if start < end:
            raise FormatError(f"the tensor {found[start].name[:80]!r} overlaps another one")
        end = start + found[start].spec.nbytes
        if end > size:
            raise FormatError(f"the tensor {found[start].name[:80]!r} is outside the file")
        yield found[start]
