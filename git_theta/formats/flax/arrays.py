"""The arrays of Flax: extensions of MessagePack with shape, name of the dtype, and elements."""

from __future__ import annotations

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.flax.leaves import BYTES, EXTENSION, NUMBER, TEXT, Leaf, leaves, number_of
from git_theta.model.tensor import MAX_DIMENSIONS, TensorSpec

#: Types of extensions: an array, a complex number, and a number with a dtype of NumPy's.
ARRAY, COMPLEX, SCALAR = 1, 2, 3

#: Dtype by NumPy's name of it. `V2` was bfloat16 in old files.
DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "float16": "F16",
    "bfloat16": "BF16",
    "V2": "BF16",
    "uint32": "U32",
    "int32": "I32",
    "float32": "F32",
    "uint64": "U64",
    "int64": "I64",
    "float64": "F64",
    "complex64": "C64",
    "complex128": "C128",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
}

#: How an array's extension begins: a list of three.
BEGINNING = 0x93


def is_array(leaf: Leaf) -> bool:
    """Whether a leaf is an array or a number with a dtype."""
    return leaf.kind == EXTENSION and leaf.code in (ARRAY, SCALAR)


def array_at(data: memoryview, leaf: Leaf) -> Tensor | None:
    """The array that a leaf is; `None` if its dtype isn't one of tensors.

    Args:
        data: The file.
        leaf: A leaf of which `is_array` is true.

    Raises:
        FormatError: The leaf is no such array.
    """
    sizes: list[int] = []
    parts = {}
    for part in leaves(data, leaf.content, leaf.end):
        if part.path.startswith("0/") and part.kind == NUMBER and len(sizes) <= MAX_DIMENSIONS:
            size = number_of(data[part.start], data[part.content : part.end])
            if type(size) is not int:
                break
            sizes.append(size)
        elif part.path in ("1", "2"):
            parts[part.path] = part
        else:
            break
    else:
        name, elements = parts.get("1"), parts.get("2")
        if name and elements and name.kind == TEXT and elements.kind == BYTES:
            return _tensor(leaf.path, str(data[name.content : name.end], "latin-1"), sizes, elements)
    raise FormatError(f"the array {leaf.path[:80]!r} isn't one of shape, dtype and elements")


def _tensor(path: str, dtype: str, sizes: list[int], elements: Leaf) -> Tensor | None:
    if dtype not in DTYPES:
        return None
    try:
        spec = TensorSpec(DTYPES[dtype], tuple(sizes))
    except ValueError as error:
        raise FormatError(f"the array {path[:80]!r} is described wrongly: {error}") from error
    found = elements.end - elements.content
    if found != spec.nbytes:
        raise FormatError(f"the array {path[:80]!r} has {found:,} bytes instead of {spec.nbytes:,}")
    return Tensor(path or "array", spec, elements.content)
