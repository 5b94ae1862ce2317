"""Patch: a file of an unknown format that shares stretches with another version, wherever they are there.

Equal stretches cost nothing. Floats that changed a little cost a residual, as in a delta, and new bytes are
compressed given the base's. So a longer name in front of all tensors costs its bytes, and a fine-tune as much
as in a format that's split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from git_theta.codecs import zstd
from git_theta.codecs.packed import PackedReader, PackedWriter, varint
from git_theta.errors import CorruptError
from git_theta.model.tensor import MAX_BYTES, TensorSpec, is_bytes
from git_theta.updates.base import Base, Input, Payload, Pieces, Prepared, single_input
from git_theta.updates.demand import Demand, ReadPayload
from git_theta.updates.patching.alignment import align_bytes
from git_theta.updates.patching.new_bytes import BATCH, DICTIONARY, batches_of, dictionary_of
from git_theta.updates.patching.parts import (
    MAX_PARTS,
    PatchPart,
    chunks_of,
    pack_parts,
    parts_of,
    unpack_parts,
)
from git_theta.updates.patching.word_types import width_of
from git_theta.updates.payload import typed_header, unpack_typed
from git_theta.updates.residual import ResidualReader, ResidualWriter
from git_theta.updates.whole_value import IN_MEMORY, whole_value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Bytes of memory that a large value takes: the base up to a size, a batch of new bytes with its dictionary,
#: and a chunk of words.
MEMORY = (40 << 20) + IN_MEMORY

#: Work for each part, and for each byte of the value, which may be one of a residual.
_PART_WORK = 10_000
_BYTE_WORK = 8

#: Smaller values, in bytes, have nothing to share that's worth a payload of its own.
_LEAST = 1 << 10

#: Pieces that are encoded to estimate the cost of all that differ, and their bytes.
_TRIED = 8
_SAMPLE = 1 << 16


class Patch:
    """Bytes of a file that another version of it has in part."""

    name = "patch"

    def accepts(self, spec: TensorSpec, base: TensorSpec) -> bool:
        """Whether both are bytes in a row, and enough of them."""
        return all(is_bytes(one) and one.nbytes >= _LEAST for one in (spec, base))

    def prepare(self, value: memoryview, spec: TensorSpec, base: Base) -> Prepared:
        """Find the parts of the value; the payload's cost is that of some of them."""
        import numpy as np

        before = whole_value(base.read, base.spec.nbytes)
        mine, theirs = np.frombuffer(value, np.uint8), np.frombuffer(before, np.uint8)
        parts = parts_of(mine, theirs, align_bytes(mine, theirs))
        return Prepared(_cost(value, before, parts), partial(_encoded, value, spec, before, parts))

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """The base, all of which is held, in a file if it's large; dictionaries; and chunks of residuals."""
        base_nbytes, parts, _ = _parsed(payload(), nbytes)
        work = _BYTE_WORK * nbytes + base_nbytes + _PART_WORK * len(parts)
        work += sum(DICTIONARY for _ in batches_of(parts, base_nbytes))
        memory = min(MEMORY, 32 * nbytes + 2 * base_nbytes) + 512 * len(parts)
        return Demand((base_nbytes,) * inputs, work, memory)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The parts in order."""
        base_nbytes, parts, records = _parsed(payload, nbytes)
        base = whole_value(single_input(inputs, self.name), base_nbytes)
        new = _NewBytes(parts, base, records)
        for part in parts:
            yield from new.take(part.new)
            for start, length in chunks_of(part):
                yield _patched(base[start : start + length], records.record(), part.dtype)
        records.end()


def _encoded(value: memoryview, spec: TensorSpec, base: memoryview, parts: Sequence[PatchPart]) -> Payload:
    """Header and parts; then the residuals of these, and each batch of new bytes before its first."""
    yield from _beginning(spec, len(base), parts)
    batches = _batches(value, base, parts)
    ready = position = 0
    for part in parts:
        while ready < part.new:
            size, coded = next(batches)
            ready += size
            yield coded
        ready -= part.new
        position += part.new
        for start, length in chunks_of(part):
            yield _residual(value[position : position + length], base[start : start + length], part.dtype)
            position += length


def _beginning(spec: TensorSpec, base_nbytes: int, parts: Sequence[PatchPart]) -> Payload:
    """Header, and the parts."""
    yield typed_header(Patch.name, spec, base=base_nbytes, parts=len(parts))
    numbers = pack_parts(parts).reshape(-1)
    yield from PackedWriter(8, len(numbers), literals=False).frames(numbers)


def _batches(value: memoryview, base: memoryview, parts: Sequence[PatchPart]) -> Iterator[tuple[int, bytes]]:
    """Each batch of new bytes: its size, and its record."""
    new = _new_bytes(value, parts)
    for batch in batches_of(parts, len(base)):
        data = b"".join(islice(new, len(batch)))
        yield len(data), _batch_record(data, dictionary_of(batch, base))


def _new_bytes(value: memoryview, parts: Sequence[PatchPart]) -> Iterator[memoryview]:
    """The new bytes of a value, in the pieces of its batches."""
    position = 0
    for part in parts:
        for start in range(0, part.new, BATCH):
            yield value[position + start : position + min(start + BATCH, part.new)]
        position += part.new + part.length


def _batch_record(data: bytes, dictionary: bytes) -> bytes:
    coded = zstd.compress_after(memoryview(data), dictionary)
    return varint(0) + _record(data) if coded is None else varint(1) + _record(coded)


def _residual(value: memoryview, base: memoryview, dtype: str) -> bytes:
    """The record of a chunk's residual; an empty one for equal bytes."""
    if _equal(value, base):
        return _record(b"")
    words, before = _words(value, dtype), _words(base, dtype)
    spec = TensorSpec(dtype, words.shape)
    return _record(b"".join(map(bytes, ResidualWriter(spec, len(words)).frames(words, before))))


def _patched(base: memoryview, residual: memoryview, dtype: str) -> memoryview:
    """The bytes of a chunk.

    Raises:
        CorruptError: The residual is damaged.
    """
    if not residual:
        return base
    words = _words(base, dtype)
    reader = ResidualReader(residual, TensorSpec(dtype, words.shape))
    found: memoryview = reader.apply(words).data.cast("B")
    reader.end()
    return found


def _equal(one: memoryview, other: memoryview) -> bool:
    """Whether bytes are equal: the views' own comparison is slower."""
    import numpy as np

    return np.array_equal(np.frombuffer(one, np.uint8), np.frombuffer(other, np.uint8))


def _words(data: memoryview, dtype: str) -> NDArray[np.unsignedinteger]:
    """Words at any address, aligned."""
    import numpy as np

    return np.frombuffer(bytes(data), f"<u{width_of(dtype)}")


def _record(data: bytes) -> bytes:
    return varint(len(data)) + data


def _cost(value: memoryview, base: memoryview, parts: Sequence[PatchPart]) -> float:
    """The expected size of the payload as a share of the value's bytes."""
    size = float(sum(map(len, _beginning(TensorSpec("U8", (len(value),)), len(base), parts))))
    new = sum(part.new for part in parts)
    for count, coded in islice(_batches(value, base, parts), 1):
        size += len(coded) * new / count
    differing = [
        (at, start, length, dtype)
        for at, start, length, dtype in _samples(parts)
        if not _equal(value[at : at + length], base[start : start + length])
    ]
    tried = differing[:: max(1, len(differing) // _TRIED)]
    residuals = [
        _residual(value[at : at + length], base[start : start + length], dtype)
        for at, start, length, dtype in tried
    ]
    size += sum(map(len, residuals)) * len(differing) / max(1, len(tried))
    return size / len(value)


def _samples(parts: Sequence[PatchPart]) -> Iterator[tuple[int, int, int, str]]:
    """All that comes from the base in short pieces: offsets in value and base, length, dtype."""
    position = 0
    for part in parts:
        position += part.new
        for start in range(0, part.length, _SAMPLE):
            yield position + start, part.start + start, min(_SAMPLE, part.length - start), part.dtype
        position += part.length


def _parsed(payload: memoryview | None, nbytes: int) -> tuple[int, list[PatchPart], PackedReader]:
    """Bytes of the base, the parts, and a reader of what follows these.

    Raises:
        CorruptError: The payload makes no sense for a value of that size.
    """
    import numpy as np

    _, header, body = unpack_typed(Patch.name, payload, nbytes)
    base_nbytes, count = header.get("base"), header.get("parts")
    if type(base_nbytes) is not int or not 0 <= base_nbytes <= MAX_BYTES:
        raise CorruptError("the payload's base makes no sense")
    if type(count) is not int or not 0 <= count <= MAX_PARTS:
        raise CorruptError("the payload's parts make no sense")
    reader = PackedReader(body)
    numbers = np.empty(4 * count, np.uint64)
    reader.read_whole(numbers)
    return base_nbytes, unpack_parts(numbers.reshape(4, count), nbytes, base_nbytes), reader


class _NewBytes:
    """Reads the new bytes of a value, batch by batch.

    Args:
        parts: The value's parts.
        base: Bytes of the base.
        records: The payload's records, of which the next batch is read when it's needed.
    """

    def __init__(self, parts: Sequence[PatchPart], base: memoryview, records: PackedReader) -> None:
        self._base = base
        self._records = records
        self._batches = batches_of(parts, len(base))
        self._rest = memoryview(b"")

    def take(self, count: int) -> Pieces:
        """The next `count` bytes, in pieces.

        Raises:
            CorruptError: A batch is damaged.
        """
        while count:
            if not self._rest:
                self._rest = self._next()
            piece, self._rest = self._rest[:count], self._rest[count:]
            count -= len(piece)
            yield piece

    def _next(self) -> memoryview:
        batch = next(self._batches)
        size = sum(piece.size for piece in batch)
        kind, record = self._records.varint(), self._records.record()
        if kind == 1:
            return memoryview(zstd.decompress_after(record, dictionary_of(batch, self._base), size))
        if kind or len(record) != size:
            raise CorruptError("the payload has new bytes of another kind or size")
        return record
