"""OpenVINO: data files of models, as the XML beside them describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor

if TYPE_CHECKING:
    from git_theta.formats.neighbours import Neighbours

_SUFFIX = ".bin"


class OpenVino:
    """Data files such as `openvino_model.bin`, which have nothing but the bytes of constants."""

    name = "openvino"

    def matches(self, data: memoryview) -> bool:
        """Never: the bytes alone don't say it."""
        return False

    def locate(self, data: memoryview) -> Located:
        """Nothing can be found in the bytes alone."""
        raise FormatError("the model of the data file isn't known")

    def matches_beside(self, data: memoryview, neighbours: Neighbours) -> bool:
        """Whether the name is one of data files, which others have, too."""
        return neighbours.name.endswith(_SUFFIX)

    def locate_beside(self, data: memoryview, neighbours: Neighbours) -> Located:
        """Find the constants; equal ones share a place, and are tied if they have one dtype and shape."""
        xml = neighbours.read(neighbours.name.removesuffix(_SUFFIX) + ".xml")
        if xml is None:
            raise FormatError("there's no model beside it")
        from git_theta.formats.openvino.constants import read_constants
        from git_theta.formats.unique_names import unique_name

        counts: dict[str, int] = {}
        tensors: list[Tensor] = []
        end = 0
        for each in sorted(read_constants(xml), key=lambda each: (each.offset, -each.spec.nbytes)):
            start, size = each.offset, each.spec.nbytes
            if start + size > len(data) or start < end < start + size:
                raise FormatError(f"constant {each.name[:80]!r} overlaps another one, or ends outside")
            if size and start < end and (start, each.spec) != (tensors[-1].offset, tensors[-1].spec):
                # Other elements of the same bytes.
                continue
            end = max(end, start + size)
            tensors.append(Tensor(unique_name(each.name, counts), each.spec, start))
        if not tensors:
            raise FormatError("the model beside it has no constants")
        return Located(tuple(tensors))
