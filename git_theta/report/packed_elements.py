"""Elements of packed dtypes as numbers, for figures: the block types of GGUF, and elements of 2 and 4 bits.

Source of the block types: `dequantize_row_*` in ggml. Types whose elements are looked up in the large tables
of the IQ1 to IQ3 families aren't decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from git_theta.errors import PackedValueError
from git_theta.model.tensor import BLOCKS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: Bytes of blocks, of shape (blocks, bytes), or numbers of shape (blocks, …).
    Bytes = NDArray[np.uint8]
    Numbers = NDArray[Any]

#: Values of the codes of IQ4_NL and IQ4_XS.
_IQ4: Final = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)

#: Values of the codes of E2M1, a float of 4 bits.
_E2M1: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)

_POWERS_OF_3: Final = (1, 3, 9, 27, 81)


def unpack(block: memoryview, dtype: str) -> NDArray[np.float64]:
    """The elements of whole blocks, in order.

    Args:
        block: Bytes of whole blocks.
        dtype: A key of `BLOCKS`.

    Raises:
        PackedValueError: Elements of this dtype aren't decoded.
    """
    import numpy as np

    decode = _DECODERS.get(dtype)
    if decode is None:
        raise PackedValueError(f"values of {dtype} are packed: their elements aren't looked at")
    blocks = np.frombuffer(block, np.uint8).reshape(-1, BLOCKS[dtype][1])
    # A scale may be infinite or NaN.
    with np.errstate(all="ignore"):
        return decode(blocks).astype(np.float64).reshape(-1)


def is_decoded(dtype: str) -> bool:
    """Whether `unpack` knows a packed dtype."""
    return dtype in _DECODERS


def _half(part: Bytes) -> Numbers:
    """Columns of two bytes as float16, widened to float32: shape (blocks, columns / 2)."""
    import numpy as np

    return np.ascontiguousarray(part).view("<f2").astype(np.float32)


def _word(part: Bytes) -> Numbers:
    """Columns of four bytes as uint32."""
    import numpy as np

    return np.ascontiguousarray(part).view("<u4")


def _bits(part: Bytes, width: int, row: int) -> Numbers:
    """Fields of some bits, the lowest first, of rows of bytes.

    Args:
        part: Shape (blocks, bytes).
        width: Bits in a field.
        row: Bytes in a row: its lowest fields come first, then the next ones.

    Returns:
        Shape (blocks, bytes times fields in a byte), in the order of elements.
    """
    import numpy as np

    shifts = np.arange(0, 8, width, dtype=np.uint8).reshape(1, 1, -1, 1)
    fields = (part.reshape(len(part), -1, 1, row) >> shifts) & np.uint8((1 << width) - 1)
    return fields.reshape(len(part), -1)


def _looked_up(codes: Numbers, table: tuple[float, ...]) -> Numbers:
    import numpy as np

    return np.array(table, np.float32)[codes]


def _q4_0(data: Bytes) -> Numbers:
    numbers: Numbers = _half(data[:, :2]) * (_bits(data[:, 2:], 4, 16).astype("f4") - 8)
    return numbers


def _q4_1(data: Bytes) -> Numbers:
    return _half(data[:, :2]) * _bits(data[:, 4:], 4, 16) + _half(data[:, 2:4])


def _fifth_bits(part: Bytes) -> Numbers:
    """The highest bit of each of 32 codes, out of a word."""
    import numpy as np

    return ((_word(part) >> np.arange(32, dtype=np.uint32)) & 1).astype(np.uint8) << 4


def _q5_0(data: Bytes) -> Numbers:
    codes = _bits(data[:, 6:], 4, 16) | _fifth_bits(data[:, 2:6])
    numbers: Numbers = _half(data[:, :2]) * (codes.astype("f4") - 16)
    return numbers


def _q5_1(data: Bytes) -> Numbers:
    codes = _bits(data[:, 8:], 4, 16) | _fifth_bits(data[:, 4:8])
    return _half(data[:, :2]) * codes + _half(data[:, 2:4])


def _q8_0(data: Bytes) -> Numbers:
    numbers: Numbers = _half(data[:, :2]) * data[:, 2:].view("i1")
    return numbers


def _q8_k(data: Bytes) -> Numbers:
    import numpy as np

    numbers: Numbers = np.ascontiguousarray(data[:, :4]).view("<f4") * data[:, 4:260].view("i1")
    return numbers


def _by_group(codes: Numbers, scales: Numbers) -> Numbers:
    """Codes times scales, each scale for as many codes in a row."""
    return codes.reshape(*scales.shape, -1) * scales[..., None]


def _q2_k(data: Bytes) -> Numbers:
    packed, factor, least = data[:, :16], _half(data[:, 80:82]), _half(data[:, 82:84])
    codes = _bits(data[:, 16:80], 2, 32)
    numbers: Numbers = _by_group(codes, factor * (packed & 15)) - (least * (packed >> 4))[..., None]
    return numbers


def _q3_k(data: Bytes) -> Numbers:
    low, high = _bits(data[:, 96:104], 4, 8), _bits(data[:, 104:108], 2, 4)
    scales = _half(data[:, 108:110]) * ((low | (high << 4)).astype("f4") - 32)
    missing = 1 - _bits(data[:, :32], 1, 32)
    return _by_group(_bits(data[:, 32:96], 2, 32).astype("f4") - 4.0 * missing, scales)


def _scales_of_6_bits(part: Bytes) -> tuple[Numbers, Numbers]:
    """Scales and offsets of Q4_K and Q5_K, each of shape (blocks, 8), out of 12 bytes."""
    import numpy as np

    first, second, rest = part[:, :4], part[:, 4:8], part[:, 8:]
    scales = np.concatenate([first & 63, (rest & 15) | ((first >> 2) & 48)], axis=1)
    offsets = np.concatenate([second & 63, (rest >> 4) | ((second >> 2) & 48)], axis=1)
    return scales, offsets


def _q45_k(data: Bytes, codes: Numbers) -> Numbers:
    scales, offsets = _scales_of_6_bits(data[:, 4:16])
    numbers: Numbers = (
        _by_group(codes, _half(data[:, :2]) * scales) - (_half(data[:, 2:4]) * offsets)[..., None]
    )
    return numbers


def _q4_k(data: Bytes) -> Numbers:
    return _q45_k(data, _bits(data[:, 16:], 4, 32))


def _q5_k(data: Bytes) -> Numbers:
    return _q45_k(data, _bits(data[:, 48:], 4, 32) | (_bits(data[:, 16:48], 1, 32) << 4))


def _q6_k(data: Bytes) -> Numbers:
    codes = _bits(data[:, :128], 4, 64) | (_bits(data[:, 128:192], 2, 32) << 4)
    return _by_group(codes.astype("f4") - 32, _half(data[:, 208:210]) * data[:, 192:208].view("i1"))


def _iq4_nl(data: Bytes) -> Numbers:
    return _half(data[:, :2]) * _looked_up(_bits(data[:, 2:], 4, 16), _IQ4)


def _iq4_xs(data: Bytes) -> Numbers:
    import numpy as np

    high = np.ascontiguousarray(data[:, 2:4]).view("<u2") >> np.arange(0, 16, 2, dtype=np.uint16) & 3
    low = _bits(data[:, 4:8], 4, 1)
    scales = _half(data[:, :2]) * ((low | (high << 4)).astype("f4") - 32)
    return _by_group(_looked_up(_bits(data[:, 8:], 4, 16), _IQ4), scales)


def _ternary(part: Bytes, digits: int, row: int) -> Numbers:
    """Digits -1, 0, 1 of bytes that hold `digits` of them: the bytes are fractions of 3 ** 5."""
    import numpy as np

    powers = np.array(_POWERS_OF_3[:digits], np.uint8).reshape(1, 1, -1, 1)
    shifted = part.reshape(len(part), -1, 1, row) * powers
    return ((shifted.astype(np.uint16) * 3) >> 8).reshape(len(part), -1).astype("f4") - 1


def _tq1_0(data: Bytes) -> Numbers:
    import numpy as np

    parts = (_ternary(data[:, :32], 5, 32), _ternary(data[:, 32:48], 5, 16), _ternary(data[:, 48:52], 4, 4))
    return np.concatenate(parts, axis=1) * _half(data[:, 52:54])


def _tq2_0(data: Bytes) -> Numbers:
    return (_bits(data[:, :64], 2, 32).astype("f4") - 1) * _half(data[:, 64:66])


def _mxfp4(data: Bytes) -> Numbers:
    import numpy as np

    numbers: Numbers = _looked_up(_bits(data[:, 1:], 4, 16), _E2M1) * np.exp2(data[:, :1].astype("f8") - 127)
    return numbers


def _nvfp4(data: Bytes) -> Numbers:
    import numpy as np

    # Scales are floats of 4 bits of exponent and 3 of mantissa; the sign bit isn't one.
    codes = np.arange(256)
    exponents, mantissas = (codes >> 3) & 15, (codes & 7) / 8
    table = np.where(exponents, (1 + mantissas) * np.exp2(exponents - 7.0), mantissas * np.exp2(-6.0))
    table[0x7F] = 0.0
    return _by_group(_looked_up(_bits(data[:, 4:], 4, 8), _E2M1), table[data[:, :4]])


def _f4(data: Bytes) -> Numbers:
    return _looked_up(_bits(data, 4, 1), _E2M1)


def _u4(data: Bytes) -> Numbers:
    return _bits(data, 4, 1)


def _i4(data: Bytes) -> Numbers:
    return (_u4(data) ^ 8).astype("i1") - 8


def _u2(data: Bytes) -> Numbers:
    return _bits(data, 2, 1)


def _i2(data: Bytes) -> Numbers:
    return (_u2(data) ^ 2).astype("i1") - 2


_DECODERS: Final[Mapping[str, Callable[[Bytes], Numbers]]] = MappingProxyType(
    {
        "U4": _u4,
        "I4": _i4,
        "U2": _u2,
        "I2": _i2,
        "F4": _f4,
        "Q4_0": _q4_0,
        "Q4_1": _q4_1,
        "Q5_0": _q5_0,
        "Q5_1": _q5_1,
        "Q8_0": _q8_0,
        "Q2_K": _q2_k,
        "Q3_K": _q3_k,
        "Q4_K": _q4_k,
        "Q5_K": _q5_k,
        "Q6_K": _q6_k,
        "Q8_K": _q8_k,
        "IQ4_NL": _iq4_nl,
        "IQ4_XS": _iq4_xs,
        "TQ1_0": _tq1_0,
        "TQ2_0": _tq2_0,
        "MXFP4": _mxfp4,
        "NVFP4": _nvfp4,
    }
)
