"""The tables of tensors in an archive by `torch.export.save`: JSON that says which member is which tensor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from git_theta.errors import FormatError
from git_theta.formats.pytorch.dtypes import TORCH_DTYPES

#: Bytes of a table.
MAX_TABLE = 1 << 24

#: The number of a dtype in PyTorch's schema of exported programs → its name.
_DTYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    9: "complex32",
    10: "complex64",
    11: "complex128",
    12: "bool",
    13: "bfloat16",
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu",
    34: "uint32",
    35: "uint64",
}

#: The number of the layout of tensors that are views of a storage.
_STRIDED = 7


@dataclass(frozen=True, slots=True)
class Payload:
    """A tensor in a member of an archive.

    Attributes:
        name: Name of the tensor.
        member: Name of the member, in the folder of the table.
        view: Dtype, offset, shape and strides, in elements; `None` if the member is a file by `torch.save`.
    """

    name: str
    member: str
    view: tuple[str, int, tuple[int, ...], tuple[int, ...]] | None


def read_payloads(table: bytes) -> list[Payload]:
    """The tensors of a table; what isn't a strided tensor of a known dtype is left out.

    Raises:
        FormatError: The table is damaged.
    """
    try:
        return list(_payloads(json.loads(table)))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise FormatError(f"a table of tensors is damaged: {error}") from error


def _payloads(table: Any) -> Iterator[Payload]:
    for name, entry in table["config"].items():
        member = entry["path_name"]
        if not isinstance(member, str):
            raise TypeError("the name of a member isn't a string")
        if entry["use_pickle"]:
            yield Payload(name, member, None)
            continue
        meta = entry["tensor_meta"]
        dtype = TORCH_DTYPES.get(_DTYPES.get(meta["dtype"], ""))
        if dtype is None or meta["layout"] != _STRIDED:
            continue
        shape, strides = map(_numbers, (meta["sizes"], meta["strides"]))
        (offset,) = _numbers([meta["storage_offset"]])
        yield Payload(name, member, (dtype, offset, shape, strides))


def _numbers(values: Any) -> tuple[int, ...]:
    found = tuple(value["as_int"] for value in values)
    if not all(type(number) is int for number in found):
        raise TypeError("a shape isn't made of whole numbers")
    return found
