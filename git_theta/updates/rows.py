"""Rows: a matrix that grew or lost rows, such as the embeddings of a vocabulary.

Runs of consecutive rows come from the base, in the base's order; the other rows are stored. Where a run has
rows that changed a little, the value isn't exact, and another update goes on top.
"""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.codecs.tensor_codec import DEFAULT_CODEC, codec_named, encode_tensor
from git_theta.errors import CorruptError
from git_theta.model.tensor import MAX_BYTES, TensorSpec
from git_theta.updates.base import Base, Input, Payload, Pieces, UnsuitableError, single_input
from git_theta.updates.cursor import Cursor
from git_theta.updates.demand import Demand, ReadPayload
from git_theta.updates.payload import HEADER_WORK, MAX_LONG_HEADER, PayloadHeader, typed_header, unpack_typed
from git_theta.updates.rechunk import rechunk
from git_theta.updates.row_alignment import Run, align_rows, row_bytes

#: Bytes of the base that are read at a time.
_CHUNK = 1 << 20

#: Work for each run, however short.
_RUN_WORK = 10_000


class Rows:
    """A matrix that shares rows with another one."""

    name = "rows"

    def accepts(self, spec: TensorSpec, base: TensorSpec) -> bool:
        """Whether the types are equal but for the number of rows, and neither value is empty."""
        return (
            spec.dtype == base.dtype
            and len(spec.shape) == len(base.shape) > 1
            and spec.shape[0] != base.shape[0]
            and spec.shape[1:] == base.shape[1:]
            and min(spec.nbytes, base.nbytes) > 0
        )

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """Header with the runs, then the rows that no run has.

        Raises:
            UnsuitableError: Fewer than half of the rows correspond to rows of the base.
        """
        runs = align_rows(value, spec, base)
        if 2 * sum(run.length for run in runs) < spec.shape[0]:
            raise UnsuitableError
        yield from self.encode_runs(value, spec, base.spec.nbytes, runs)

    def encode_runs(
        self, value: memoryview, spec: TensorSpec, base_nbytes: int, runs: Sequence[Run]
    ) -> Payload:
        """The payload for given runs.

        Args:
            value: Logical bytes.
            spec: Dtype and shape, with at least one dimension.
            base_nbytes: Bytes of the base, whose rows are as long as the value's.
            runs: The rows to take from the base, ascending in both; equal to the value's or not.
        """
        yield typed_header(
            self.name,
            spec,
            codec=DEFAULT_CODEC.name,
            base=base_nbytes,
            runs=[number for run in runs for number in run],
        )
        row = row_bytes(spec)
        new_rows = b"".join(
            bytes(value[start * row : end * row]) for start, end in _gaps(runs, spec.shape[0])
        )
        yield encode_tensor(memoryview(new_rows), spec)

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """All of the base, also the rows that aren't taken."""
        data = payload()
        spec, header, body = unpack_typed(self.name, data, nbytes, MAX_LONG_HEADER)
        reading = HEADER_WORK * (len(data or b"") - len(body))
        base_nbytes, runs = _parse_header(spec, header)
        work = nbytes + base_nbytes + _RUN_WORK * len(runs) + reading
        return Demand(
            (base_nbytes,) * inputs, work, min(8 << 20, 32 * nbytes + base_nbytes) + 512 * len(runs)
        )

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The rows in order, from the base and from the payload."""
        base = single_input(inputs, self.name)
        spec, header, body = unpack_typed(self.name, payload, nbytes, MAX_LONG_HEADER)
        base_nbytes, runs = _parse_header(spec, header)
        row = row_bytes(spec)
        gaps = _gaps(runs, spec.shape[0])
        size = sum(end - start for start, end in gaps) * row
        codec = codec_named(header.get("codec"))
        new_rows = Cursor(codec.decode(body, codec.params(spec), size))
        base_rows = Cursor(rechunk(base(base_nbytes), _CHUNK, base_nbytes))
        parts = [(start, end, -1) for start, end in gaps]
        parts += [(run.value_start, run.value_start + run.length, run.base_start) for run in runs]
        position = 0
        for start, end, origin in sorted(parts):
            if origin < 0:
                yield from new_rows.take((end - start) * row)
            else:
                base_rows.skip(origin * row - position)
                yield from base_rows.take((end - start) * row)
                position = (origin + end - start) * row


def _gaps(runs: Sequence[Run], rows: int) -> list[tuple[int, int]]:
    """The rows of the value that are in no run, as half-open ranges of indices."""
    gaps, end = [], 0
    for run in runs:
        if run.value_start > end:
            gaps.append((end, run.value_start))
        end = run.value_start + run.length
    if rows > end:
        gaps.append((end, rows))
    return gaps


def _parse_header(spec: TensorSpec, header: PayloadHeader) -> tuple[int, list[Run]]:
    """Bytes of the base, and the runs.

    Raises:
        CorruptError: The header makes no sense for a value of that type.
    """
    base_nbytes, row = header.get("base"), row_bytes(spec)
    if not spec.shape or type(base_nbytes) is not int or not 0 <= base_nbytes <= MAX_BYTES:
        raise CorruptError("the payload's rows make no sense")
    return base_nbytes, _parse_runs(header.get("runs"), spec.shape[0], base_nbytes // row if row else 0)


def _parse_runs(numbers: object, rows: int, base_rows: int) -> list[Run]:
    """Runs from a header.

    Raises:
        CorruptError: The runs don't ascend, or lead out of the value or its base.
    """
    if not isinstance(numbers, list) or len(numbers) % 3 or not all(type(n) is int for n in numbers):
        raise CorruptError("the payload's rows make no sense")
    runs = [Run(*three) for three in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)]
    base_end = value_end = 0
    for run in runs:
        if run.base_start < base_end or run.value_start < value_end or run.length < 1:
            raise CorruptError("the payload's rows aren't in order")
        base_end, value_end = run.base_start + run.length, run.value_start + run.length
    if value_end > rows or base_end > base_rows:
        raise CorruptError("the payload's rows are more than there are")
    return runs
