"""Datasets: the tensors that they are, whole or by chunks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.hdf5.attributes import attribute_text, attributes
from git_theta.formats.hdf5.datatypes import Dataspace, read_dataspace
from git_theta.formats.hdf5.objects import DATASPACE, DATATYPE, EXTERNAL, FILTERS, LAYOUT, Message
from git_theta.formats.hdf5.shared import SharedObjects
from git_theta.formats.hdf5.storage import Chunk, ChunkIndex, Contiguous, chunks, read_storage
from git_theta.model.tensor import TensorSpec

#: A dataset with more chunks is left to the bytes between tensors; so is one with several whose mean size in
#: bytes is less.
_MAX_CHUNKS = 10_000
_SEVERAL, _LEAST_CHUNK = 16, 4096

#: The attribute by which Keras marks bytes as floats, and its value.
_MARK, _MARKED = "dtype", "'bfloat16'"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset whose elements are in the file; those that aren't numbers are bytes.

    Attributes:
        dtype: Dtype of the elements.
        big_endian: Whether they have their most significant byte first.
        space: Shape of the dataset, now and at most.
        inner: Shape of an element, which may be an array.
        storage: Where the elements are; `None` if there are none.
        filtered: Whether chunks are compressed, or changed in other ways.
    """

    dtype: str
    big_endian: bool
    space: Dataspace
    inner: tuple[int, ...]
    storage: Contiguous | ChunkIndex | None
    filtered: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the dataset."""
        return self.space.shape


def read_dataset(shared: SharedObjects, messages: Sequence[Message]) -> Dataset | None:
    """A dataset; `None` if the object is none, or its elements aren't in pieces of their own.

    Raises:
        FormatError: The dataset is damaged.
    """
    by_kind = {message.kind: message for message in reversed(messages)}
    space, layout = by_kind.get(DATASPACE), by_kind.get(LAYOUT)
    if not space or not layout or DATATYPE not in by_kind or EXTERNAL in by_kind:
        return None
    if space.shared or layout.shared:
        return None
    datatype = shared.datatype(by_kind[DATATYPE])
    dtype = datatype.dtype
    inner = datatype.shape
    if datatype.opaque and datatype.nbytes == 2 and _is_marked(shared, messages):
        # HDF5 long had no such type.
        dtype = "BF16"
    elif not dtype and not datatype.has_references:
        dtype, inner = "U8", (datatype.nbytes,)
    dataspace = read_dataspace(shared.file, space.body)
    if dataspace is None or not dtype:
        return None
    storage = read_storage(shared.file, layout.body, len(dataspace.shape))
    if storage is None and 0 not in dataspace.shape:
        return None
    big_endian = datatype.big_endian and dtype == datatype.dtype
    return Dataset(dtype, big_endian, dataspace, inner, storage, FILTERS in by_kind)


def _is_marked(shared: SharedObjects, messages: Sequence[Message]) -> bool:
    return any(
        each.name == _MARK and attribute_text(shared, each) == _MARKED
        for each in attributes(shared, messages)
    )


def tensors_of(shared: SharedObjects, dataset: Dataset) -> list[Tensor]:
    """The tensors that a dataset is. Their names are only what follows the dataset's name.

    Raises:
        FormatError: The dataset is damaged.
    """
    try:
        spec = TensorSpec(dataset.dtype, (*dataset.shape, *dataset.inner))
        if dataset.storage is None or not spec.count:
            return [Tensor("", spec, 0)]
        if isinstance(dataset.storage, Contiguous):
            return [Tensor("", spec, dataset.storage.position, None, dataset.big_endian)]
        return _chunked(shared, dataset, dataset.storage)
    except ValueError as error:
        raise FormatError(f"a dataset is described wrongly: {error}") from error


def _chunked(shared: SharedObjects, dataset: Dataset, index: ChunkIndex) -> list[Tensor]:
    item = TensorSpec(dataset.dtype, dataset.inner).nbytes
    # An index may give them in any order.
    found = sorted(islice(chunks(shared.file, index, dataset.space, item, dataset.filtered), _MAX_CHUNKS + 1))
    if len(found) > _MAX_CHUNKS:
        return []
    if len(found) > _SEVERAL and sum(chunk.nbytes for chunk in found) < _LEAST_CHUNK * len(found):
        return []
    if any(at >= size for chunk in found for at, size in zip(chunk.start, dataset.shape, strict=True)):
        raise FormatError("a chunk begins beyond its dataset")
    if dataset.filtered:
        return [
            Tensor(_slice(chunk, index, dataset.shape), TensorSpec("U8", (chunk.nbytes,)), chunk.position)
            for chunk in found
        ]
    if _in_one_piece(found, index, dataset.shape, item):
        return [_part(dataset, index, "", dataset.shape, found[0].position)]
    return [
        _part(
            dataset,
            index,
            _slice(chunk, index, dataset.shape),
            tuple(end - at for at, end in _ranges(chunk, index, dataset.shape)),
            chunk.position,
        )
        for chunk in found
    ]


def _part(dataset: Dataset, index: ChunkIndex, name: str, shape: tuple[int, ...], position: int) -> Tensor:
    """The elements of a dataset in one chunk, or in several together; a chunk at the end has more."""
    spec = TensorSpec(dataset.dtype, (*shape, *dataset.inner))
    strides = TensorSpec(dataset.dtype, (*index.shape, *dataset.inner)).strides
    return Tensor(name, spec, position, None if strides == spec.strides else strides, dataset.big_endian)


def _in_one_piece(found: Sequence[Chunk], index: ChunkIndex, shape: tuple[int, ...], item: int) -> bool:
    """Whether sorted chunks of whole rows, all that there are, follow each other in the file."""
    if len(found) != -(-shape[0] // index.shape[0]) or shape[1:] != tuple(
        min(pair) for pair in zip(shape[1:], index.shape[1:], strict=True)
    ):
        return False
    step, zeros = math.prod(index.shape) * item, (0,) * (len(shape) - 1)
    return all(
        chunk.start == (number * index.shape[0], *zeros)
        and chunk.position == found[0].position + number * step
        for number, chunk in enumerate(found)
    )


def _ranges(chunk: Chunk, index: ChunkIndex, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """First and one-past-last index of a chunk's elements in each dimension."""
    return [
        (at, min(at + step, size)) for at, step, size in zip(chunk.start, index.shape, shape, strict=True)
    ]


def _slice(chunk: Chunk, index: ChunkIndex, shape: tuple[int, ...]) -> str:
    """A chunk as Python's slices; empty if it's all of the dataset."""
    ranges = _ranges(chunk, index, shape)
    if all(pair == (0, size) for pair, size in zip(ranges, shape, strict=True)):
        return ""
    return f"[{','.join(f'{start}:{end}' for start, end in ranges)}]"
