"""Locate views of storages: their tensors, at positions in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.pytorch.views import View
from git_theta.model.layout import extent
from git_theta.model.tensor import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: All views together may have at most this many times the bytes of the file.
_MAX_OVERLAP = 4

#: The same, where tied tensors count each time: shared layers may be there under dozens of names.
_MAX_TIED = 256

#: A name, a view, and the range of the file that holds its storage: position and size in bytes.
Found = tuple[str, View, tuple[int, int]]


def locate_views(views: Iterable[Found], file_size: int, big_endian: bool) -> tuple[Tensor, ...]:
    """The tensors that can be cut out of the file, in the given order, under unique names.

    A view that shows an element twice, as `Tensor.expand` makes, is left out.

    Args:
        views: Tensors under names that may repeat, with storages that lie inside the file.
        file_size: Size of the file in bytes.
        big_endian: Storages hold the most significant byte first.

    Raises:
        FormatError: A view leaves its storage, or the views are together much larger than the file.
    """
    return tuple(tensor for tensor in locate_each(views, file_size, big_endian) if tensor is not None)


def locate_each(views: Iterable[Found], file_size: int, big_endian: bool) -> Iterator[Tensor | None]:
    """The tensor of each view, `None` for a view that is left out; see `locate_views`."""
    counts: dict[str, int] = {}
    seen: set[tuple[int, TensorSpec, tuple[int, ...] | None]] = set()
    room, room_with_ties = _MAX_OVERLAP * file_size, _MAX_TIED * file_size
    for name, view, (start, size) in views:
        try:
            spec = TensorSpec(view.dtype, view.shape)
        except ValueError as error:
            raise FormatError(f"tensor {name!r} is described wrongly: {error}") from error
        strides = _byte_strides(spec, view.strides)
        offset = start + view.offset * spec.item_size if spec.count else start
        low, high = extent(offset, spec.shape, strides or spec.strides, spec.item_size)
        if low < start or high > start + size:
            raise FormatError(f"tensor {name!r} goes past its storage")
        if strides is not None and not _is_injective(spec, strides):
            yield None
            continue
        room_with_ties -= spec.nbytes
        if (offset, spec, strides) not in seen:
            seen.add((offset, spec, strides))
            room -= spec.nbytes
        if min(room, room_with_ties) < 0:
            raise FormatError("the tensors are together much larger than the file")
        yield Tensor(_unique(name, counts), spec, offset, strides, big_endian)


def _byte_strides(spec: TensorSpec, strides: tuple[int, ...]) -> tuple[int, ...] | None:
    """Strides in bytes, `None` if C-contiguous; a dimension of one element has the stride of that."""
    natural = spec.strides
    if spec.count == 0:
        return None
    sizes = zip(spec.shape, strides, natural, strict=True)
    found = tuple(step if size == 1 else stride * spec.item_size for size, stride, step in sizes)
    return None if found == natural else found


def _is_injective(spec: TensorSpec, strides: tuple[int, ...]) -> bool:
    """Whether each dimension steps over all that the smaller ones reach, so that no byte is met twice."""
    reach = spec.item_size
    for stride, size in sorted(zip(strides, spec.shape, strict=True)):
        if size == 1:
            continue
        if stride < reach:
            return False
        reach += stride * (size - 1)
    return True


def _unique(name: str, counts: dict[str, int]) -> str:
    """The name, with the first free number appended if it's taken."""
    unique = name
    while unique in counts:
        counts[name] += 1
        unique = f"{name}#{counts[name]}"
    counts[unique] = 1
    return unique
