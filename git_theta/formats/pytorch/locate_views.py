"""Locate views of storages: their tensors, at positions in the file."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.pytorch.views import View
from git_theta.formats.unique_names import unique_name
from git_theta.model.layout import extent
from git_theta.model.tensor import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The views of a storage may have at most this many times its bytes, and all views those of the file.
_MAX_OVERLAP = 4

#: The same, where tied tensors count each time: shared layers may be there under dozens of names.
_MAX_TIED = 256

#: A part of the file: position and size in bytes.
Interval = tuple[int, int]

#: A name, a view, and the part of the file that holds its storage.
Found = tuple[str, View, Interval]

#: The position of a view's first element, its spec, and its strides in bytes; `None` for C-contiguous ones.
Place = tuple[int, TensorSpec, tuple[int, ...] | None]


def locate_views(views: Iterable[Found], file_size: int, big_endian: bool) -> tuple[Tensor, ...]:
    """The tensors that can be cut out of the file, in the given order, under unique names.

    A view that shows an element twice, as `Tensor.expand` makes, is left out. So are views of a storage that
    overlap so much that they'd have several times its bytes, such as windows over a signal, but for a view of
    all that they show.

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
    seen: set[Place] = set()
    room, room_with_ties = _MAX_OVERLAP * file_size, _MAX_TIED * file_size
    placed = [(name, place_of(name, view, storage), storage) for name, view, storage in views]
    windows = _windows((place, storage) for _, place, storage in placed if place)
    for name, place, _ in placed:
        if place is None or place in windows:
            yield None
            continue
        offset, spec, strides = place
        room_with_ties -= spec.nbytes
        if place not in seen:
            seen.add(place)
            room -= spec.nbytes
        if min(room, room_with_ties) < 0:
            raise FormatError("the tensors are together much larger than the file")
        yield Tensor(unique_name(name, counts), spec, offset, strides, big_endian)


def place_of(name: str, view: View, storage: Interval) -> Place | None:
    """The place of a view in the file; `None` if it shows an element twice.

    Raises:
        FormatError: The view is described wrongly, or leaves its storage.
    """
    start, size = storage
    try:
        spec = TensorSpec(view.dtype, view.shape)
    except ValueError as error:
        raise FormatError(f"tensor {name!r} is described wrongly: {error}") from error
    strides = _byte_strides(spec, view.strides)
    offset = start + view.offset * spec.item_size if spec.count else start
    low, high = extent(offset, spec.shape, strides or spec.strides, spec.item_size)
    if low < start or high > start + size:
        raise FormatError(f"tensor {name!r} goes past its storage")
    return None if strides is not None and not _is_injective(spec, strides) else (offset, spec, strides)


def _windows(views: Iterable[tuple[Place, Interval]]) -> set[Place]:
    """The places of views of those storages whose views together have too many bytes.

    A view of as many bytes as all of them reach over isn't among them.
    """
    by_storage: dict[Interval, set[Place]] = defaultdict(set)
    for place, storage in views:
        by_storage[storage].add(place)
    found: set[Place] = set()
    for (_, size), places in by_storage.items():
        if sum(spec.nbytes for _, spec, _ in places) > _MAX_OVERLAP * size:
            ends = [
                extent(at, spec.shape, steps or spec.strides, spec.item_size) for at, spec, steps in places
            ]
            reach = max(high for _, high in ends) - min(low for low, _ in ends)
            found |= {place for place in places if place[1].nbytes < reach}
    return found


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
