"""Quantised weights as the numbers that they stand for: codes times scales, row by row, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from git_theta.diff import Pair
from git_theta.errors import PackedValueError
from git_theta.model.manifest import Entry
from git_theta.model.quantized_weights import QuantizedWeight, quantized_weights
from git_theta.model.tensor import TensorSpec
from git_theta.report.elements import as_float64, element_blocks, magnitudes
from git_theta.report.packed_elements import unpack
from git_theta.report.side import Side, ValueReader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

#: Elements of the weight that are decoded together, unless a row has more.
_BLOCK: Final = 1 << 18

#: Rows and columns of a weight that share a scale of a matrix of scales, where the sizes fit.
_TILE: Final = 128

#: Ends of the names of scales that a code is multiplied with.
_SCALES: Final = ("weight_scale", "weight_scale_inv", "scale_weight", "weight.scale", "scale")

#: LLM.int8 keeps the largest magnitude of a row, which is the code 127.
_LARGEST: Final = 127


#: Schemes with two codes in a byte.
_FOUR_BITS: Final = ("MXFP4", "NVFP4", "compressed-tensors")


@dataclass(frozen=True, slots=True)
class PlainValue:
    """A version of a weight that isn't quantised, and how to read it.

    Attributes:
        entry: The parameter.
        reader: Reads values.
    """

    entry: Entry
    reader: ValueReader

    @property
    def members(self) -> tuple[Entry, ...]:
        """The parameters that are read."""
        return (self.entry,)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""
        return self.entry.spec.shape

    def blocks(self) -> Iterator[NDArray[np.float64]]:
        """As for `QuantizedValue`."""
        spec = self.entry.spec
        for block in element_blocks(self.reader.value(self.entry), spec, _block(spec.shape)):
            yield as_float64(block, spec)


@dataclass(frozen=True, slots=True)
class QuantizedValue:
    """A version of a quantised weight, and how to read it.

    Attributes:
        weight: The weight.
        entries: Name → every parameter of the version.
        reader: Reads values.
    """

    weight: QuantizedWeight
    entries: Mapping[str, Entry]
    reader: ValueReader

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Sizes of the dimensions of the weight; `None` if they aren't known."""
        return self.weight.shape

    def blocks(self) -> Iterator[NDArray[np.float64]]:
        """The numbers in order, some whole rows at once: arrays of shape (elements, 1).

        Raises:
            PackedValueError: Weights of this scheme aren't decoded.
            ThetaError: As for `ValueReader.value`.
        """
        import numpy as np

        shape = self.weight.shape
        if not shape:
            raise PackedValueError(f"codes of {self.weight.scheme} aren't decoded")
        scale, row = self._scaling(shape), 0
        entry = self.entries[self.weight.members[0]]
        per_byte = 2 if self.weight.scheme in _FOUR_BITS else 1
        for block in element_blocks(self.reader.value(entry), entry.spec, _block(shape) // per_byte):
            codes = unpack(block, "F4") if per_byte == 2 else as_float64(block, entry.spec)[:, 0]
            table = codes.reshape(-1, _columns(shape))
            with np.errstate(all="ignore"):
                yield (table * scale(row, row + len(table))).reshape(-1, 1)
            row += len(table)

    def _scaling(self, shape: tuple[int, ...]) -> Callable[[int, int], Numbers]:
        """The factors of some rows, given by the first row and the one after the last."""
        find = _SCALINGS.get(self.weight.scheme)
        found = find(self, shape) if find else None
        if found is None:
            raise PackedValueError(f"codes of {self.weight.scheme} aren't decoded")
        return found

    @property
    def members(self) -> tuple[Entry, ...]:
        """The parameters that are read."""
        return tuple(self.entries[name] for name in self.weight.members)

    def companion(self, *ends: str) -> Numbers | None:
        """The first parameter of the weight whose name ends like this, as float64 in its shape."""
        for end in ends:
            for name in self.weight.members[1:]:
                if name == end or name.endswith((f".{end}", f"/{end}", f"_{end}")):
                    spec = self.entries[name].spec
                    data = b"".join(map(bytes, self.reader.value(self.entries[name])))
                    return magnitudes(memoryview(data), spec).reshape(spec.shape)
        return None


#: A version of a weight, quantised or not.
WeightValue = PlainValue | QuantizedValue


def _columns(shape: tuple[int, ...]) -> int:
    return max(1, shape[-1] if len(shape) > 1 else 1)


def _block(shape: tuple[int, ...]) -> int:
    """Elements that are decoded together: whole rows."""
    columns = _columns(shape)
    return max(1, _BLOCK // columns) * columns


def _scaled(value: QuantizedValue, shape: tuple[int, ...]) -> Callable[[int, int], Numbers] | None:
    """Scales of the whole weight, of each row, or of tiles."""
    scales = value.companion(*_SCALES)
    if scales is None or value.companion("weight_zero_point", "zero_point", "zeros") is not None:
        return None
    return _rows_of(scales, shape)


def _by_largest(value: QuantizedValue, shape: tuple[int, ...]) -> Callable[[int, int], Numbers] | None:
    largest = value.companion("SCB")
    return None if largest is None else _rows_of(largest / _LARGEST, shape)


def _rows_of(scales: Numbers, shape: tuple[int, ...]) -> Callable[[int, int], Numbers] | None:
    import numpy as np

    if scales.size == 1:
        return lambda _first, _end: scales.reshape(1, 1)
    if len(shape) != 2:
        return None
    rows, columns = shape
    if scales.size == rows:
        return lambda first, end: scales.reshape(-1, 1)[first:end]
    if scales.shape != (-(-rows // _TILE), -(-columns // _TILE)):
        return None
    return lambda first, end: np.repeat(scales[np.arange(first, end) // _TILE], _TILE, axis=1)[:, :columns]


def _micro_scaled(value: QuantizedValue, shape: tuple[int, ...]) -> Callable[[int, int], Numbers] | None:
    """MXFP4: a power of two for each 32 codes; the scales are exponents, biased by 127."""
    import numpy as np

    exponents = value.companion("scales")
    groups = shape[-1] // 32
    if exponents is None or exponents.size * 32 != TensorSpec("U8", shape).count:
        return None
    factors = np.exp2(exponents.reshape(-1, groups) - 127)
    return lambda first, end: np.repeat(factors[first:end], 32, axis=1)


def _fp4(value: QuantizedValue, shape: tuple[int, ...]) -> Callable[[int, int], Numbers] | None:
    """NVFP4: a scale for each 16 codes, and one for all: a factor (`…_scale_2`) or a divisor."""
    import numpy as np

    scales = value.companion("weight_scale")
    factor, divisor = value.companion("weight_scale_2"), value.companion("weight_global_scale")
    one = factor if factor is not None else divisor
    if scales is None or one is None or one.size != 1 or scales.size * 16 != TensorSpec("U8", shape).count:
        return None
    with np.errstate(divide="ignore"):
        whole = float(one.reshape(-1)[0]) if factor is not None else 1 / one.reshape(-1)[0]
    table = scales.reshape(-1, shape[-1] // 16) * whole
    return lambda first, end: np.repeat(table[first:end], 16, axis=1)


def quantized_pairs(
    pairs: Iterable[Pair], old: Side, new: Side
) -> dict[str, tuple[WeightValue, WeightValue]]:
    """Changed codes of quantised weights by name: the old and the new version, one of which may be plain.

    Args:
        pairs: Old and new entries of changed parameters.
        old: The old version.
        new: The new version.
    """
    before, after = _weights_by_codes(old), _weights_by_codes(new)
    found: dict[str, tuple[WeightValue, WeightValue]] = {}
    for one, other in pairs:
        if (one.name in before or other.name in after) and old.reader and new.reader:
            found[other.name] = (
                before.get(one.name) or PlainValue(one, old.reader),
                after.get(other.name) or PlainValue(other, new.reader),
            )
    return found


def _weights_by_codes(side: Side) -> dict[str, QuantizedValue]:
    if side.manifest is None or side.reader is None:
        return {}
    entries = side.manifest.by_name
    weights = quantized_weights({name: entry.spec for name, entry in entries.items()})
    return {weight.members[0]: QuantizedValue(weight, entries, side.reader) for weight in weights}


_SCALINGS: Final[
    Mapping[str, Callable[[QuantizedValue, tuple[int, ...]], Callable[[int, int], Numbers] | None]]
] = {
    "FP8": _scaled,
    "INT8": _scaled,
    "LLM.int8": _by_largest,
    "MXFP4": _micro_scaled,
    "NVFP4": _fp4,
    "compressed-tensors": _fp4,
}
