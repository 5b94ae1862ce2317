"""Low rank: a base plus a product of two thin matrices, and the exact residual of that prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.codecs.tensor_codec import DEFAULT_CODEC, decode_tensor, encode_tensor
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.array import Array, check_computable
from git_theta.updates.base import Base, Input, Payload, Pieces, Sample, UnsuitableError, single_input
from git_theta.updates.demand import Demand, ReadPayload, block_memory
from git_theta.updates.factors import MANTISSA, MAX_RANK, find_factors, matrix_shape, predict
from git_theta.updates.payload import PayloadHeader, typed_header, unpack_typed
from git_theta.updates.rank_estimate import estimate_cost
from git_theta.updates.residual import ResidualReader, ResidualWriter
from git_theta.updates.rounding import ARITHMETIC, add_nonzero, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words
    from git_theta.updates.side_loaded import Given


class LowRank:
    """A matrix that moved along few directions; a tensor is seen as a matrix by its first dimension.

    Side-loaded factors may also be stacks, as those of experts: then each matrix of the tensor, by its first
    dimension, has factors of its own.

    Args:
        scale: Side-loaded factors' product is multiplied by this, as that of a LoRA by alpha / rank.
    """

    name = "low-rank"
    parts = ("R", "C")

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = float(scale)

    def estimate(self, sample: Sample) -> float | None:
        """The rank of a part of the change, the usual cost of its factors, and a residual on trial."""
        return estimate_cost(sample)

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """Header, the factors that were found, and the residual."""
        rows, columns = matrix_shape(spec.shape)
        if spec.dtype not in MANTISSA or min(rows, columns) < 2:
            raise UnsuitableError

        def blocks() -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
            start = 0
            for chunk in base.chunks(_block_bytes(spec)):
                part = _widened(value[start : start + len(chunk)], spec.dtype)
                start += len(chunk)
                yield part.reshape(-1, columns), _widened(chunk, spec.dtype).reshape(-1, columns)

        found = find_factors(blocks, (rows, columns), min(MAX_RANK, min(rows, columns) // 4), spec.dtype)
        if found is None:
            raise UnsuitableError
        left, right = found
        factors = _Factors(memoryview(left.tobytes()), memoryview(right.tobytes()), len(right), "F32")
        if not _pays(value, spec, base, factors):
            raise UnsuitableError
        yield from self._encode(value, spec, base, factors)

    def check(self, given: Given, name: str, spec: TensorSpec) -> None:
        """Check that `R` is rows by rank and `C` rank by columns, or both stacks of such, all finite."""
        check_computable(name, spec)
        left, right = given["R"], given["C"]
        stack = _stack_of(left.spec)
        if stack and (len(spec.shape) < 3 or stack != spec.shape[0]):
            raise left.misfit(name, spec)
        rank = left.spec.shape[-1] if left.spec.shape else 0
        rows, columns = _matrix(spec, stack)
        leading = (stack,) if stack else ()
        left.check_shape((*leading, rows // (stack or 1), rank), name, spec)
        right.check_shape((*leading, rank, columns), name, spec)
        left.numbers(), right.numbers()

    def encode_given(self, given: Given, spec: TensorSpec, base: Base, value: memoryview | None) -> Payload:
        """Header, the factors `R` and `C` in their dtype, and the residual if there's a value.

        Raises:
            UnsuitableError: The factors have more than full rank: they'd save nothing.
        """
        left, right = _in_one_dtype(given)
        rank, stack = left.spec.shape[-1], _stack_of(left.spec)
        if rank > _full_rank(spec, stack):
            raise UnsuitableError
        yield from self._encode(
            value, spec, base, _Factors(left.data, right.data, rank, left.spec.dtype, self._scale, stack)
        )

    def given_value(self, given: Given, spec: TensorSpec, base: Base) -> Pieces:
        """The base with the product added, for factors of more than full rank."""
        import numpy as np

        left, right = (array.numbers() for array in _in_one_dtype(given))
        stack = _stack_of(given["R"].spec)
        rows, columns = _matrix(spec, stack)
        left, right = left.reshape(rows, -1), right.reshape(stack or 1, -1, columns)
        row = 0
        for chunk in base.chunks(_block_bytes(spec, stack)):
            words = np.frombuffer(chunk, f"<u{spec.word_size}")
            count = len(words) // columns
            total = np.zeros((count, columns))
            for start, end, matrix in _stretches(row, row + count, rows // (stack or 1)):
                part = total[start - row : end - row]
                for k in range(right.shape[1]):
                    part += left[start:end, k, None] * right[matrix, k]
            row += count
            yield add_nonzero(words, total.reshape(-1) * self._scale, spec.dtype).data.cast("B")

    def _encode(self, value: memoryview | None, spec: TensorSpec, base: Base, factors: _Factors) -> Payload:
        import numpy as np

        encoded = [encode_tensor(data, factor) for data, factor in factors.typed()]
        yield typed_header(
            self.name,
            spec,
            rank=factors.rank,
            factors=factors.dtype,
            codec=DEFAULT_CODEC.name,
            scale=factors.scale,
            sizes=[len(factor) for factor in encoded],
            residual=value is not None,
            **({"stack": factors.stack} if factors.stack else {}),
        )
        yield from encoded
        if value is None:
            return
        writer = ResidualWriter(spec, _block_bytes(spec, factors.stack) // spec.word_size)
        start = 0
        for words, prediction in _predictions(spec, base, factors):
            size = words.nbytes
            yield from writer.frames(np.frombuffer(value[start : start + size], words.dtype), prediction)
            start += size

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """A product for each rank and element; a block, and the factors, which are on disk if large."""
        spec, header, _ = unpack_typed(self.name, payload(), nbytes)
        rank, dtype, _, _, stack = _parse_header(spec, header)
        rows, columns = _matrix(spec, stack)
        factors = rank * (rows + (stack or 1) * columns) * TensorSpec(dtype, ()).item_size
        block = min(_block_bytes(spec, stack), nbytes) // spec.item_size
        work = 2 * rank * spec.count + 8 * nbytes + factors
        memory = min(factors, 64 << 20) + block_memory(block, spec.item_size)
        return Demand((nbytes,) * inputs, work, memory)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """Block by block: base plus product, and the residual."""
        base = single_input(inputs, self.name)
        spec, header, body = unpack_typed(self.name, payload, nbytes)
        factors, rest = _parse_factors(spec, header, body)
        reader = ResidualReader(rest, spec)
        for _, prediction in _predictions(spec, Base(spec, base), factors):
            value = reader.apply(prediction) if header.get("residual") else prediction
            yield value.data.cast("B")
        reader.end()


@dataclass(frozen=True, slots=True)
class _Factors:
    """Two thin matrices, whose product is added to the base.

    Attributes:
        left: C-contiguous elements, rows by rank.
        right: C-contiguous elements, rank by columns; of all matrices of a stack one after another.
        rank: The inner dimension.
        dtype: Dtype of both, one of `ARITHMETIC`.
        scale: The product is multiplied by this.
        stack: Number of matrices that have factors of their own; 0 for one matrix.
    """

    left: memoryview
    right: memoryview
    rank: int
    dtype: str
    scale: float = 1.0
    stack: int = 0

    def typed(self) -> Iterator[tuple[memoryview, TensorSpec]]:
        """Each factor with its dtype and its number of elements."""
        item = TensorSpec(self.dtype, ()).item_size
        for data in (self.left, self.right):
            yield data, TensorSpec(self.dtype, (len(data) // item,))


def _parse_header(spec: TensorSpec, header: PayloadHeader) -> tuple[int, str, float, list[int], int]:
    """The rank of the factors, their dtype, the scale of their product, their sizes in bytes, and the stack.

    Raises:
        CorruptError: The header doesn't fit the value's dtype and shape.
    """
    rank, dtype, scale, sizes = (header.get(key) for key in ("rank", "factors", "scale", "sizes"))
    stack = header.get("stack", 0)
    if (
        spec.dtype not in ARITHMETIC
        or dtype not in ARITHMETIC
        or type(rank) is not int
        or not isinstance(scale, float)
        or not isinstance(sizes, list)
        or [type(size) for size in sizes] != [int, int]
        or type(stack) is not int
        or (stack and (len(spec.shape) < 3 or stack != spec.shape[0]))
        or not 0 <= rank <= _full_rank(spec, stack)
    ):
        raise CorruptError("the payload's factors make no sense")
    return rank, dtype, scale, sizes, stack


def _parse_factors(spec: TensorSpec, header: PayloadHeader, body: memoryview) -> tuple[_Factors, memoryview]:
    """The factors of a payload, and the bytes that follow them.

    Raises:
        CorruptError: The header doesn't fit the value's dtype and shape, or a factor can't be decoded.
    """
    rank, dtype, scale, sizes, stack = _parse_header(spec, header)
    rows, columns = _matrix(spec, stack)
    factors, start = [], 0
    for size, count in zip(sizes, (rows * rank, (stack or 1) * rank * columns), strict=True):
        end = start + max(size, 0)
        factors.append(decode_tensor(header.get("codec"), body[start:end], TensorSpec(dtype, (count,))))
        start = end
    return _Factors(factors[0], factors[1], rank, dtype, scale, stack), body[start:]


def _in_one_dtype(given: Given) -> tuple[Array, Array]:
    """Both factors as they are if their dtypes are equal, else in float64, which loses nothing."""
    left, right = given["R"], given["C"]
    dtype = left.spec.dtype if left.spec.dtype == right.spec.dtype else "F64"
    return left.as_dtype(dtype), right.as_dtype(dtype)


def _pays(value: memoryview, spec: TensorSpec, base: Base, factors: _Factors) -> bool:
    """Whether, by the first block, factors and residual take less than the plain residual of the base."""
    import numpy as np

    words, prediction = next(_predictions(spec, base, factors))
    after = np.frombuffer(value[: words.nbytes], words.dtype)
    writer = ResidualWriter(spec, len(words))
    plain = sum(map(len, writer.frames(after, words)))
    residual = sum(map(len, writer.frames(after, prediction)))
    return residual + (len(factors.left) + len(factors.right)) * words.nbytes / spec.nbytes < plain


def _predictions(spec: TensorSpec, base: Base, factors: _Factors) -> Iterator[tuple[Words, Words]]:
    """The base's words and the predicted ones, block of rows by block of rows."""
    import numpy as np

    rows, columns = _matrix(spec, factors.stack)
    # In their own dtype, as in float64 they'd take several times the memory.
    word = f"<u{TensorSpec(factors.dtype, ()).item_size}"
    left = np.frombuffer(factors.left, word).reshape(rows, factors.rank)
    right = np.frombuffer(factors.right, word).reshape(factors.stack or 1, factors.rank, columns)
    row = 0
    for chunk in base.chunks(_block_bytes(spec, factors.stack)):
        words = np.frombuffer(chunk, f"<u{spec.word_size}")
        count = len(words) // columns
        parts = []
        for start, end, matrix in _stretches(row, row + count, rows // (factors.stack or 1)):
            numbers = widen(left[start:end].reshape(-1), factors.dtype)
            right_rows = (widen(one, factors.dtype) for one in right[matrix])
            part = words[(start - row) * columns : (end - row) * columns]
            left_block = numbers.reshape(end - start, factors.rank)
            parts.append(predict(part, spec.dtype, left_block, right_rows, factors.scale))
        yield words, parts[0] if len(parts) == 1 else np.concatenate(parts)
        row += count


def _stack_of(left: TensorSpec) -> int:
    """Number of matrices that a left factor is for; 0 if it isn't a stack."""
    return left.shape[0] if len(left.shape) == 3 else 0


def _matrix(spec: TensorSpec, stack: int) -> tuple[int, int]:
    """Rows of all matrices of a stack together, and columns of each; of one matrix if the stack is 0."""
    if not stack:
        return matrix_shape(spec.shape)
    height, columns = matrix_shape(spec.shape[1:])
    return stack * height, columns


def _full_rank(spec: TensorSpec, stack: int) -> int:
    return min(matrix_shape(spec.shape[1:] if stack else spec.shape))


def _stretches(row: int, end: int, height: int) -> Iterator[tuple[int, int, int]]:
    """The first row, the end and the number of each matrix in some rows of a stack, by a matrix's height."""
    while row < end:
        matrix = row // height
        stop = min(end, (matrix + 1) * height)
        yield row, stop, matrix
        row = stop


def _block_bytes(spec: TensorSpec, stack: int = 0) -> int:
    """Bytes of a block: as many whole rows as fit into a chunk, and at least one."""
    row = _matrix(spec, stack)[1] * spec.item_size
    return max(1, CHUNK // max(row, 1)) * row


def _widened(data: memoryview, dtype: str) -> NDArray[np.float64]:
    import numpy as np

    return widen(np.frombuffer(data, f"<u{TensorSpec(dtype, ()).item_size}"), dtype)
