"""IA3: a base times a vector that is broadcast against it, and if asked for the exact residual.

IA3 adapters are such vectors. Weights whose rows, columns or channels were scaled are found by `git add`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from git_theta.codecs.frames import CHUNK
from git_theta.codecs.tensor_codec import DEFAULT_CODEC, decode_tensor, encode_tensor
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.array import Array, check_computable
from git_theta.updates.base import Base, Input, Payload, Pieces, Sample, UnsuitableError, single_input
from git_theta.updates.demand import Demand, ReadPayload, block_memory
from git_theta.updates.factors import MANTISSA
from git_theta.updates.payload import PayloadHeader, typed_header, unpack_typed
from git_theta.updates.rank_estimate import whole_rows
from git_theta.updates.residual import ResidualReader, ResidualWriter
from git_theta.updates.rounding import ARITHMETIC, round_to, widen
from git_theta.updates.scaling import find_scaling, scaled_axes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words
    from git_theta.updates.side_loaded import Given

    Elements = TypeVar("Elements", Words, NDArray[np.float64])

#: Values of fewer bytes aren't searched for factors.
_MIN_SCALED = 16 << 10

#: Number of elements along each axis that show whether a value is scaled at all.
_FEW = 16

#: Elements that a prediction is tried on.
_TRIED = 1 << 16

#: Factor for estimates: what scaling saves beside other updates should be more than a chance of the sample.
_CAUTION = 1.2


class Ia3:
    """A value whose rows or columns are those of another one, each times a factor."""

    name = "ia3"
    parts = ("ia3",)

    def check(self, given: Given, name: str, spec: TensorSpec) -> None:
        """Check that the vector broadcasts to the parameter's shape and is finite."""
        check_computable(name, spec)
        vector = given["ia3"]
        if not broadcasts(vector.spec.shape, spec.shape):
            raise vector.misfit(name, spec)
        vector.numbers()

    def estimate(self, sample: Sample) -> float | None:
        """The cost of the vector, and of a residual on trial."""
        spec = sample.spec
        if spec.nbytes < _MIN_SCALED or spec.dtype not in MANTISSA:
            return None
        first, count = whole_rows(sample)
        # A single row doesn't tell whether its elements have factors of their own.
        count = min(count, max(2, _TRIED // max(1, spec.count // spec.shape[0])))
        if not count:
            return None
        part = TensorSpec(spec.dtype, (count, *spec.shape[1:]))
        value, base = (words[first : first + part.count] for words in (sample.value, sample.base))
        few = [_wide(_few(words.reshape(part.shape)), spec.dtype) for words in (value, base)]
        axes = scaled_axes(few[0], few[1], spec.shape, spec.dtype)
        if axes is None:
            return None
        rows = tuple(widen(words, spec.dtype).reshape(part.shape) for words in (value, base))
        scaling = find_scaling(lambda: iter([(rows[0], rows[1])]), axes, part.shape, spec.dtype)
        prediction = _product(rows[1], scaling.factors, spec.dtype)
        residual = sum(map(len, ResidualWriter(spec, len(value)).frames(value, prediction)))
        factors = math.prod(spec.shape[axis] for axis in axes)
        size = factors * TensorSpec(scaling.dtype, ()).item_size
        return _CAUTION * (residual / value.nbytes + size / spec.nbytes)

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """Header, the factors that were found, and the residual."""
        if spec.dtype not in MANTISSA or not spec.shape:
            raise UnsuitableError

        def blocks() -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
            start = 0
            for chunk in base.chunks(_block_bytes(spec)):
                part = value[start : start + len(chunk)]
                start += len(chunk)
                yield _rows(part, spec), _rows(chunk, spec)

        tried = (scaled_axes(_few(one), _few(other), spec.shape, spec.dtype) for one, other in blocks())
        axes = next((axes for axes in tried if axes is not None), None)
        if axes is None:
            raise UnsuitableError
        scaling = find_scaling(blocks, axes, spec.shape, spec.dtype)
        vector = TensorSpec(scaling.dtype, scaling.factors.shape)
        words = round_to(scaling.factors.reshape(-1), scaling.dtype)
        given = {"ia3": Array("factors", vector, words.data.cast("B"))}
        yield from self.encode_given(given, spec, base, value)

    def encode_given(self, given: Given, spec: TensorSpec, base: Base, value: memoryview | None) -> Payload:
        """Header, the vector, and the residual if there's a value."""
        import numpy as np

        vector = given["ia3"]
        encoded = encode_tensor(vector.data, vector.spec)
        yield typed_header(
            self.name,
            spec,
            vector=[vector.spec.dtype, *vector.spec.shape],
            codec=DEFAULT_CODEC.name,
            size=len(encoded),
            residual=value is not None,
        )
        yield encoded
        if value is None:
            return
        writer = ResidualWriter(spec, _block_bytes(spec) // spec.word_size)
        start = 0
        for prediction in _products(base, vector.data, vector.spec):
            size = prediction.nbytes
            yield from writer.frames(np.frombuffer(value[start : start + size], prediction.dtype), prediction)
            start += size

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """Blocks of the base, and the vector, which may be as large as the value."""
        spec, header, _ = unpack_typed(self.name, payload(), nbytes)
        vector_spec, _ = _parse_header(spec, header)
        vector = vector_spec.nbytes + 8 * vector_spec.count
        block = min(_block_bytes(spec), nbytes) // spec.item_size
        return Demand((nbytes,) * inputs, 8 * nbytes + vector, vector + block_memory(block, spec.item_size))

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """Block by block: the product, and the residual."""
        base = single_input(inputs, self.name)
        spec, header, body = unpack_typed(self.name, payload, nbytes)
        vector_spec, size = _parse_header(spec, header)
        if size > len(body):
            raise CorruptError("the payload ends early")
        vector = decode_tensor(header.get("codec"), body[:size], vector_spec)
        reader = ResidualReader(body[size:], spec)
        for prediction in _products(Base(spec, base), vector, vector_spec):
            value = reader.apply(prediction) if header.get("residual") else prediction
            yield value.data.cast("B")
        reader.end()


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether numpy's rules broadcast one shape to exactly another."""
    return len(shape) <= len(target) and all(
        size in (1, wanted) for size, wanted in zip(reversed(shape), reversed(target), strict=False)
    )


def _products(base: Base, vector: memoryview, vector_spec: TensorSpec) -> Iterator[Words]:
    """The base times the vector in float64, rounded once; block of rows by block of rows, flat."""
    spec = base.spec
    rest = spec.shape[1:]
    factors = _with_dimensions(vector, vector_spec, len(rest) + 1)
    row = 0
    for chunk in base.chunks(_block_bytes(spec)):
        numbers = _rows(chunk, spec)
        here = factors if len(factors) == 1 else factors[row : row + len(numbers)]
        row += len(numbers)
        yield _product(numbers, here, spec.dtype)


def _product(numbers: NDArray[np.float64], factors: NDArray[np.float64], dtype: str) -> Words:
    """The product of two arrays, rounded once to words of a dtype, flat."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        product = numbers * factors
    return round_to(product.reshape(-1), dtype)


def _wide(words: Words, dtype: str) -> NDArray[np.float64]:
    """Words as float64, of the same shape."""
    return widen(words.reshape(-1), dtype).reshape(words.shape)


def _few(numbers: Elements) -> Elements:
    """Elements from all over an array: 16 to 31 along each axis, if there are as many."""
    return numbers[tuple(slice(None, None, max(1, size // _FEW)) for size in numbers.shape)]


def _rows(data: memoryview, spec: TensorSpec) -> NDArray[np.float64]:
    """Whole rows of a tensor as float64."""
    import numpy as np

    return widen(np.frombuffer(data, f"<u{spec.word_size}"), spec.dtype).reshape(-1, *spec.shape[1:])


def _with_dimensions(vector: memoryview, spec: TensorSpec, dimensions: int) -> NDArray[np.float64]:
    """The vector's elements as float64, with leading dimensions of size 1 up to a number of dimensions."""
    import numpy as np

    numbers = widen(np.frombuffer(vector, f"<u{spec.item_size}"), spec.dtype)
    return numbers.reshape((1,) * (dimensions - len(spec.shape)) + spec.shape)


def _block_bytes(spec: TensorSpec) -> int:
    """Bytes of a block: as many whole rows as fit into a chunk, and at least one."""
    row = spec.nbytes // max(1, (spec.shape or (1,))[0])
    return max(1, CHUNK // max(row, 1)) * max(row, 1)


def _parse_header(spec: TensorSpec, header: PayloadHeader) -> tuple[TensorSpec, int]:
    """Dtype and shape of the vector, and its encoded size in bytes.

    Raises:
        CorruptError: The vector doesn't fit the value's dtype and shape.
    """
    vector_spec, size = _vector_spec(header.get("vector")), header.get("size")
    if (
        vector_spec is None
        or not {spec.dtype, vector_spec.dtype} <= set(ARITHMETIC)
        or not broadcasts(vector_spec.shape, spec.shape)
        or type(size) is not int
        or size < 0
    ):
        raise CorruptError("the payload's vector doesn't fit the value")
    return vector_spec, size


def _vector_spec(field: Any) -> TensorSpec | None:
    """The dtype and shape that a header gives as a list; `None` if it's no such list."""
    if not isinstance(field, list) or not field or not all(type(size) is int for size in field[1:]):
        return None
    try:
        return TensorSpec(str(field[0]), tuple(field[1:]))
    except (ValueError, OverflowError):
        return None
