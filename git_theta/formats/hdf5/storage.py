"""The place of a dataset's elements: in one piece, or in chunks that an index finds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from git_theta.errors import FormatError
from git_theta.formats.hdf5.btrees import CHUNKS, leaves, record_size, records
from git_theta.formats.hdf5.chunk_arrays import extensible_elements, fixed_elements
from git_theta.formats.hdf5.datatypes import Dataspace
from git_theta.formats.hdf5.metadata import Fields, Metadata

#: Classes of layouts.
_CONTIGUOUS, _CHUNKED = 1, 2

#: Kinds of indexes.
_SINGLE, _IMPLICIT, _FIXED, _EXTENSIBLE, _TREE = 1, 2, 3, 4, 5

#: Bytes of the settings of an index.
_SETTINGS = {_FIXED: 1, _EXTENSIBLE: 5, _TREE: 6}

#: Kinds of a B-tree's records: chunks as they are, and filtered ones.
_PLAIN_CHUNKS, _FILTERED_CHUNKS = 10, 11

#: A flag of a single chunk: it's filtered.
_FILTERED_SINGLE = 2

_MAX_DIMENSIONS = 33

#: Chunks without an index.
_MAX_IMPLICIT = 1 << 18


class Chunk(NamedTuple):
    """A chunk of a dataset.

    Attributes:
        start: Index of its first element.
        position: Position of its bytes in the file.
        nbytes: Their number.
    """

    start: tuple[int, ...]
    position: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Contiguous:
    """Elements in one piece.

    Attributes:
        position: Position of the first one.
    """

    position: int


@dataclass(frozen=True, slots=True)
class ChunkIndex:
    """The index of a dataset's chunks.

    Attributes:
        shape: Elements of a chunk in each dimension.
        kind: Kind of the index; 0 for a B-tree of version 1.
        position: Position of the index; of a single or implicit one, that of the first chunk.
        nbytes: Bytes of the only chunk, if it's filtered; else 0.
    """

    shape: tuple[int, ...]
    kind: int
    position: int
    nbytes: int = 0


def read_storage(file: Metadata, body: memoryview, rank: int) -> Contiguous | ChunkIndex | None:
    """The place that a dataset's message describes.

    `None` for elements in the object's header, in other files or datasets, or nowhere yet.

    Args:
        file: The file.
        body: The message.
        rank: Dimensions of the dataset.

    Raises:
        FormatError: The message is damaged.
    """
    fields = file.fields(body)
    version = fields.number(1)
    if version < 3:
        return _old_storage(fields, version, rank)
    kind = fields.number(1)
    if kind == _CONTIGUOUS:
        return _contiguous(fields)
    if kind != _CHUNKED or version > 5:
        return None
    flags = fields.number(1) if version > 3 else 0
    count = _checked(fields.number(1), rank)
    if version == 3:
        position = fields.address()
        shape = tuple(fields.number(4) for _ in range(count))[:-1]
        return _index(shape, 0, position)
    width = fields.number(1)
    shape = tuple(fields.number(width) for _ in range(count))[:-1]
    index, nbytes = fields.number(1), 0
    if index == _SINGLE and flags & _FILTERED_SINGLE:
        nbytes = fields.length()
        fields.take(4)
    elif index in _SETTINGS:
        fields.take(_SETTINGS[index])
    elif index not in (_SINGLE, _IMPLICIT):
        return None
    return _index(shape, index, fields.address(), nbytes)


def _old_storage(fields: Fields, version: int, rank: int) -> Contiguous | ChunkIndex | None:
    count, kind = fields.number(1), fields.number(1)
    fields.take(5)
    if kind == _CONTIGUOUS:
        return _contiguous(fields)
    if kind != _CHUNKED or not version:
        return None
    position = fields.address()
    shape = tuple(fields.number(4) for _ in range(_checked(count, rank)))[:-1]
    return _index(shape, 0, position)


def _contiguous(fields: Fields) -> Contiguous | None:
    position = fields.address()
    return None if position is None else Contiguous(position)


def _index(shape: tuple[int, ...], kind: int, position: int | None, nbytes: int = 0) -> ChunkIndex | None:
    if 0 in shape:
        raise FormatError("a dataset has chunks without elements")
    return None if position is None else ChunkIndex(shape, kind, position, nbytes)


def _checked(count: int, rank: int) -> int:
    if count != rank + 1 or count > _MAX_DIMENSIONS:
        raise FormatError("a dataset and its chunks have different dimensions")
    return count


def chunks(file: Metadata, index: ChunkIndex, space: Dataspace, item: int, filtered: bool) -> Iterator[Chunk]:
    """The chunks of a dataset that are in the file.

    Args:
        file: The file.
        index: Their index.
        space: Shape of the dataset, now and at most.
        item: Bytes of an element.
        filtered: Whether chunks are compressed, or changed in other ways.

    Raises:
        FormatError: The index is damaged.
    """
    nbytes = math.prod(index.shape) * item
    if index.kind == 0:
        yield from _old_chunks(file, index, filtered, nbytes)
    elif index.kind == _SINGLE:
        yield Chunk((0,) * len(space.shape), index.position, index.nbytes or nbytes)
    elif index.kind == _IMPLICIT:
        for number in range(_implicit_count(file, index, space, nbytes)):
            start = _start(number, index.shape, space)
            if start is not None:
                yield Chunk(start, index.position + number * nbytes, nbytes)
    elif index.kind in (_FIXED, _EXTENSIBLE):
        yield from _numbered_chunks(file, index, space, filtered, nbytes)
    else:
        yield from _tree_chunks(file, index, filtered, nbytes)


def _old_chunks(file: Metadata, index: ChunkIndex, filtered: bool, nbytes: int) -> Iterator[Chunk]:
    rank = len(index.shape)

    def read_key(node: Fields) -> tuple[int, tuple[int, ...]]:
        size = node.number(4)
        node.take(4)
        start = tuple(node.number(8) for _ in range(rank))
        node.take(8)
        return size, start

    for (size, start), position in leaves(file, index.position, CHUNKS, 16 + 8 * rank, read_key):
        yield Chunk(start, position, size if filtered else nbytes)


def _implicit_count(file: Metadata, index: ChunkIndex, space: Dataspace, nbytes: int) -> int:
    """The number of chunks that follow each other, also beyond the dataset; 0 if they're too many."""
    counts = (-(-(most or 0) // step) for most, step in zip(space.most, index.shape, strict=True))
    count = min(math.prod(counts), (file.size - index.position) // max(nbytes, 1))
    return count if count <= _MAX_IMPLICIT else 0


def _numbered_chunks(
    file: Metadata, index: ChunkIndex, space: Dataspace, filtered: bool, nbytes: int
) -> Iterator[Chunk]:
    """The chunks of an array with an element for each: its address, and its size if it's filtered."""
    read = fixed_elements if index.kind == _FIXED else extensible_elements
    for number, element in read(file, index.position):
        position = element.address()
        start = _start(number, index.shape, space)
        if position is not None and start is not None:
            yield Chunk(start, position, element.number(element.left - 4) if filtered else nbytes)


def _start(number: int, chunk: tuple[int, ...], space: Dataspace) -> tuple[int, ...] | None:
    """The first index of the chunk of a number; `None` if it's beyond the dataset.

    Numbers are those of the largest dataset, in C order; the dimension without a limit goes first.
    """
    first = next((at for at, most in enumerate(space.most) if most is None), 0)
    start = [0] * len(chunk)
    for at in reversed(range(len(chunk))):
        most = space.most[at]
        if at != first and most is not None:
            number, place = divmod(number, max(-(-most // chunk[at]), 1))
            start[at] = place * chunk[at]
    start[first] = number * chunk[first]
    return None if any(at >= size for at, size in zip(start, space.shape, strict=True)) else tuple(start)


def _tree_chunks(file: Metadata, index: ChunkIndex, filtered: bool, nbytes: int) -> Iterator[Chunk]:
    kind = _FILTERED_CHUNKS if filtered else _PLAIN_CHUNKS
    size = record_size(file, index.position) - file.offset_size - 4 - 8 * len(index.shape)
    for record in records(file, index.position, kind):
        position = record.address()
        stored = nbytes
        if filtered:
            stored = record.number(max(size, 0))
            record.take(4)
        start = tuple(record.number(8) * step for step in index.shape)
        if position is not None:
            yield Chunk(start, position, stored)
