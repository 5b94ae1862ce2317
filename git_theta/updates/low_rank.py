"""Low rank: a base plus a product of two thin matrices, and the exact residual of that prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from git_theta import codecs
from git_theta.codecs.frames import CHUNK
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Payload, Pieces, Sample, UnsuitableError, only
from git_theta.updates.chunks import chunks
from git_theta.updates.factors import (
    MANTISSA,
    MOST_RANK,
    approximate,
    find,
    matrix_shape,
    noise_of,
    predict,
    rank_of,
)
from git_theta.updates.payload import typed_header, unpack_typed
from git_theta.updates.residual import ResidualReader, ResidualWriter
from git_theta.updates.rounding import ARITHMETIC, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A smaller matrix isn't worth the search.
_LEAST_SIDE = 32

#: Rows and columns of a sample: few, which costs little and shows small ranks; more for matrices that are
#: large enough for larger ranks to pay.
_FEW, _MORE, _LARGE = 48, 160, 1024

#: An estimate fits a part's noise better than the whole's. Where it's close to that of other updates, the
#: difference is mostly rounding itself, and has no rank worth mentioning.
_CAUTION = 1.2

#: Rows that an estimate tries a rank on, as a multiple of it.
_TRIED = 8

#: Dtypes that factors may be stored in.
_FACTOR_DTYPES = ARITHMETIC


class LowRank:
    """A matrix that moved along few directions."""

    name = "low-rank"

    def estimate(self, sample: Sample) -> float | None:
        """From the rank of a part of the difference, what it leaves there, and the usual cost of factors."""
        rank = _rank(sample)
        rest = _rest(sample, rank) if rank else None
        if rest is None:
            return None
        rows, columns = matrix_shape(sample.spec.shape)
        factors = 0.87 * 4 * rank * (rows + columns) / sample.spec.nbytes
        return _CAUTION * (factors + rest)

    def encode(self, value: memoryview, spec: TensorSpec, base: Input) -> Payload:
        """Header, the factors that were found, and the residual."""
        rows, columns = matrix_shape(spec.shape)
        if spec.dtype not in MANTISSA or min(rows, columns) < 2:
            raise UnsuitableError

        def blocks() -> Iterator[tuple[Any, Any]]:
            at = 0
            for chunk in chunks(base(len(value)), _block(spec), len(value)):
                one = _widened(value[at : at + len(chunk)], spec.dtype)
                at += len(chunk)
                yield one.reshape(-1, columns), _widened(chunk, spec.dtype).reshape(-1, columns)

        found = find(blocks, (rows, columns), min(MOST_RANK, min(rows, columns) // 4), spec.dtype)
        if found is None:
            raise UnsuitableError
        left, right = (memoryview(factor.tobytes()) for factor in found)
        if not _pays(value, spec, base, left, right):
            raise UnsuitableError
        yield from self.encode_with(value, spec, base, left, right, "F32", 1.0)

    def encode_with(
        self,
        value: memoryview | None,
        spec: TensorSpec,
        base: Input,
        left: memoryview,
        right: memoryview,
        factor_dtype: str,
        scale: float,
    ) -> Payload:
        """The payload for given factors.

        Args:
            value: The value, to be given back exactly; `None` if it's whatever the prediction gives.
            spec: Its dtype, one of `ARITHMETIC`, and shape, seen as `rows, columns` by its first dimension.
            base: The bytes of the base.
            left: A C-contiguous matrix of `rows, rank` elements.
            right: One of `rank, columns`.
            factor_dtype: Dtype of both factors, one of `ARITHMETIC`.
            scale: The product is multiplied by this.
        """
        import numpy as np

        rows, _ = matrix_shape(spec.shape)
        item = TensorSpec(factor_dtype, ()).item_size
        rank = len(left) // (rows * item)
        encoded = [
            codecs.compress(factor, TensorSpec(factor_dtype, (len(factor) // item,)))
            for factor in (left, right)
        ]
        yield typed_header(
            self.name,
            spec,
            rank=rank,
            factors=factor_dtype,
            codec=codecs.DEFAULT.name,
            scale=float(scale),
            sizes=[len(factor) for factor in encoded],
            residual=value is not None,
        )
        yield from encoded
        if value is None:
            return
        writer = ResidualWriter(spec, _block(spec) // spec.word_size)
        at = 0
        for words, prediction in _predictions(base, spec, left, right, factor_dtype, scale):
            size = words.nbytes
            yield from writer.frames(np.frombuffer(value[at : at + size], words.dtype), prediction)
            at += size

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """Block by block: base plus product, and the residual."""
        base = only(inputs, self.name)
        spec, header, body = unpack_typed(self.name, payload, nbytes)
        rank, dtype, scale, sizes = (header.get(key) for key in ("rank", "factors", "scale", "sizes"))
        rows, columns = matrix_shape(spec.shape)
        if (
            spec.dtype not in ARITHMETIC
            or dtype not in _FACTOR_DTYPES
            or type(rank) is not int
            or not isinstance(scale, float)
            or not isinstance(sizes, list)
            or [type(size) for size in sizes] != [int, int]
            or not 0 <= rank <= min(rows, columns)
        ):
            raise CorruptError("the payload's factors make no sense")
        factors, at = [], 0
        for size, count in zip(sizes, (rows * rank, rank * columns), strict=True):
            coded = body[at : at + max(size, 0)]
            factors.append(codecs.decompress(header.get("codec"), coded, TensorSpec(dtype, (count,))))
            at += max(size, 0)
        reader = ResidualReader(body[at:], spec)
        for _, prediction in _predictions(base, spec, factors[0], factors[1], dtype, scale):
            value = reader.apply(prediction) if header.get("residual") else prediction
            yield value.data.cast("B")
        reader.end()


def _pays(value: memoryview, spec: TensorSpec, base: Input, left: memoryview, right: memoryview) -> bool:
    """Whether, by the first block, factors and residual take less than the difference as it is."""
    import numpy as np

    words, prediction = next(_predictions(base, spec, left, right, "F32", 1.0))
    after = np.frombuffer(value[: words.nbytes], words.dtype)
    writer = ResidualWriter(spec, len(words))
    plain = sum(map(len, writer.frames(after, words)))
    rest = sum(map(len, writer.frames(after, prediction)))
    return rest + (len(left) + len(right)) * words.nbytes / spec.nbytes < plain


def _predictions(
    base: Input, spec: TensorSpec, left: memoryview, right: memoryview, dtype: str, scale: float
) -> Iterator[tuple[NDArray[np.unsignedinteger[Any]], NDArray[np.unsignedinteger[Any]]]]:
    """The base's words and what they become, block of rows by block of rows."""
    import numpy as np

    rows, columns = matrix_shape(spec.shape)
    lefts = _widened(left, dtype).reshape(rows, -1)
    rights = _widened(right, dtype).reshape(-1, columns)
    row = 0
    for chunk in chunks(base(spec.nbytes), _block(spec), spec.nbytes):
        words = np.frombuffer(chunk, f"<u{spec.word_size}")
        count = len(words) // columns
        yield words, predict(words, spec.dtype, lefts[row : row + count], rights, scale)
        row += count


def _block(spec: TensorSpec) -> int:
    """Bytes of a block: whole rows, about a chunk."""
    row = matrix_shape(spec.shape)[1] * spec.item_size
    return max(1, CHUNK // max(row, 1)) * row


def _widened(data: memoryview, dtype: str) -> NDArray[np.float64]:
    import numpy as np

    return widen(np.frombuffer(data, f"<u{TensorSpec(dtype, ()).item_size}"), dtype)


def _whole_rows(sample: Sample) -> tuple[int, int]:
    """Where the first whole row begins in a sample, and how many there are."""
    columns = matrix_shape(sample.spec.shape)[1]
    first = -sample.start % columns
    return first, (len(sample.value) - first) // columns


def _rest(sample: Sample, rank: int) -> float | None:
    """What is left to be said, as a share of the bytes, of rows whose difference is said by a rank.

    `None` if the difference isn't finite.
    """
    import numpy as np

    columns = matrix_shape(sample.spec.shape)[1]
    first, count = _whole_rows(sample)
    count = min(count, max(_LEAST_SIDE, _TRIED * rank))
    after, before = (words[first : first + count * columns] for words in (sample.value, sample.base))
    base = widen(before, sample.spec.dtype)
    with np.errstate(all="ignore"):
        change = (widen(after, sample.spec.dtype) - base).reshape(count, columns)
    if not np.isfinite(change).all():
        return None
    prediction = round_to(base + approximate(change, rank).reshape(-1), sample.spec.dtype)
    return sum(map(len, ResidualWriter(sample.spec, len(after)).frames(after, prediction))) / after.nbytes


def _rank(sample: Sample) -> int:
    """The rank of the difference in a sample, if it's low enough to pay; else 0."""
    spec = sample.spec
    rows, columns = matrix_shape(spec.shape)
    if spec.dtype not in MANTISSA or min(rows, columns) < _LEAST_SIDE:
        return 0
    first, count = _whole_rows(sample)
    if count < _LEAST_SIDE:
        return 0
    change, noise = _difference(sample, first, count, _FEW)
    rank = rank_of(change, noise)
    if rank > min(change.shape) // 2 and min(rows, columns) >= _LARGE:
        change, noise = _difference(sample, first, count, _MORE)
        rank = rank_of(change, noise)
    return rank if rank <= min(change.shape) // 2 else 0


def _difference(sample: Sample, first: int, count: int, side: int) -> tuple[NDArray[np.float64], float]:
    """A part of the difference, about `side` by `side`, and the noise in it; zeros if it isn't finite."""
    import numpy as np

    spec = sample.spec
    columns = matrix_shape(spec.shape)[1]
    value, base = (
        widen(
            words[first : first + count * columns]
            .reshape(count, columns)[:: max(1, count // side), :: max(1, columns // side)]
            .reshape(-1),
            spec.dtype,
        )
        for words in (sample.value, sample.base)
    )
    with np.errstate(invalid="ignore"):
        change = value - base
    if not np.isfinite(change).all():
        change[:] = 0
    across = len(range(0, columns, max(1, columns // side)))
    return change.reshape(-1, across), noise_of(value, spec.dtype)
