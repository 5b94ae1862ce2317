"""PyTorch's names of dtypes."""

from __future__ import annotations

#: Storage class → dtype of its elements.
STORAGE_DTYPES = {
    "BoolStorage": "BOOL",
    "ByteStorage": "U8",
    "UntypedStorage": "U8",
    "_UntypedStorage": "U8",
    "QUInt8Storage": "U8",
    "CharStorage": "I8",
    "QInt8Storage": "I8",
    "ShortStorage": "I16",
    "IntStorage": "I32",
    "QInt32Storage": "I32",
    "LongStorage": "I64",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "FloatStorage": "F32",
    "DoubleStorage": "F64",
    "ComplexHalfStorage": "C32",
    "ComplexFloatStorage": "C64",
    "ComplexDoubleStorage": "C128",
}

#: Storage classes with several elements in a byte; their bytes stay in the layout.
PACKED_STORAGES = frozenset(("QUInt4x2Storage", "QUInt2x4Storage"))

#: Name of a `torch.dtype` → dtype, for tensors whose storage has no type of its own.
TORCH_DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "complex32": "C32",
    "complex64": "C64",
    "complex128": "C128",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}
