"""Merge the headers of safetensors files and lay the tensors out anew, back to back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from git_theta.formats.base import ComposeError, FileDraft, FileVersion, Prefer
from git_theta.formats.blank import blank
from git_theta.formats.safetensors.header import MAX_HEADER, METADATA, read_header, read_metadata
from git_theta.formats.threeway import ThreeWay, merged_order
from git_theta.model.tensor import TensorSpec
from git_theta.model.three_way import trivial_merge

#: The order in which the format's own library writes tensors: by dtype, then by name.
_DTYPES = ("U64", "I64", "F64", "C64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16")
_BYTES = ("F8_E8M0", "F8_E4M3", "F8_E5M2", "I8", "U8", "F6_E3M2", "F6_E2M3", "F4", "BOOL")
_RANK = {name: rank for rank, name in enumerate((*_DTYPES, *_BYTES))}

#: Dtypes that the format's own library reads.
_KNOWN = frozenset((*_RANK, "F8_E4M3FNUZ", "F8_E5M2FNUZ"))

Header = dict[str, Any]

#: A whole number as it's written, of 18 digits at most.
_WHOLE_NUMBER = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)


def compose_safetensors(
    base: FileVersion | None, sides: Sequence[FileVersion], wanted: Mapping[str, TensorSpec], prefer: Prefer
) -> FileDraft:
    """See `git_theta.formats.base.Composer`."""
    rule = ThreeWay(prefer)
    headers = [read_header(side.skeleton) for side in sides]
    old = read_header(base.skeleton) if base else {}
    metadata = _metadata(rule, old, headers)
    described = {name: _described(name, spec, old, headers) for name, spec in wanted.items()}
    order = _order(headers, described)
    return FileDraft(_draft(described, order, merged_order(*headers), metadata), rule.conflicts)


def new_safetensors(specs: Mapping[str, TensorSpec], metadata: Mapping[str, Any] | None) -> memoryview:
    """A new file without the values of its tensors, in the order of the format's own library.

    Args:
        specs: Dtype and shape of each tensor.
        metadata: The file's metadata; `None` for none.

    Raises:
        ComposeError: The format has no such dtype, the header is too long, or there's no room for the file.
    """
    for name, spec in specs.items():
        if spec.dtype not in _KNOWN:
            raise ComposeError(f"safetensors has no dtype {spec.dtype}, which {name!r} has")
    described: Header = {name: {"dtype": spec.dtype, "shape": [*spec.shape]} for name, spec in specs.items()}
    order = sorted(described, key=lambda name: _library_key(name, described[name]))
    return _draft(described, order, order, metadata)


def _draft(
    described: Header, places: Iterable[str], names: Iterable[str], metadata: Mapping[str, Any] | None
) -> memoryview:
    """A file whose tensors have no values yet.

    Args:
        described: Name → dtype and shape, as in a header; places are added.
        places: Names in the order of the tensors' bytes.
        names: Names in the order of the header; those that aren't described are left out.
        metadata: The metadata.
    """
    position = 0
    for name in places:
        spec = TensorSpec(described[name]["dtype"], tuple(described[name]["shape"]))
        described[name] |= {"data_offsets": [position, position + spec.nbytes]}
        position += spec.nbytes
    merged: Header = {METADATA: metadata} if metadata is not None else {}
    for name in names:
        if name in described:
            merged[name] = described[name]
    text = _text(merged)
    data = blank(8 + len(text) + position)
    data[:8] = len(text).to_bytes(8, "little")
    data[8 : 8 + len(text)] = text
    return data


def _metadata(rule: ThreeWay, base: Header, sides: Sequence[Header]) -> dict[str, Any] | None:
    """The merged metadata, `None` if there's none."""
    old = read_metadata(base)
    given = [read_metadata(side) for side in sides]
    merged = {}
    for key in merged_order(*(side or {} for side in given)):
        texts = [_value(side, key) for side in given]
        count = rule.count(f"{METADATA}/{key}", _number(old, key), [_number(side, key) for side in given])
        if count is not None:
            merged[key] = str(count)
            continue
        side = given[rule.choose(f"{METADATA}/{key}", _value(old, key), texts)]
        if side and key in side:
            merged[key] = side[key]
    # Metadata may be there and empty.
    there = given[trivial_merge(old is None, [side is None for side in given]) or 0]
    return merged if merged or there is not None else None


def _value(metadata: Mapping[str, Any] | None, key: str) -> str | None:
    return json.dumps(metadata[key]) if metadata and key in metadata else None


def _number(metadata: Mapping[str, Any] | None, key: str) -> int | None:
    """The whole number that a text of the metadata is; `None` if it's none."""
    text = (metadata or {}).get(key)
    return int(text) if isinstance(text, str) and _WHOLE_NUMBER.fullmatch(text) else None


def _described(name: str, spec: TensorSpec, base: Header, sides: Sequence[Header]) -> dict[str, Any]:
    """A tensor's entry in a header, from the first side that has the tensor.

    A side with the same dtype goes first, and of those one with the same shape.
    """
    found = [entry for entry in (header.get(name) for header in (*sides, base)) if entry]
    shape = list(spec.shape)
    for entry in sorted(found, key=lambda each: (each["dtype"] != spec.dtype, each["shape"] != shape)):
        return {**entry, "dtype": spec.dtype, "shape": shape}
    raise ComposeError(f"no side has a parameter {name!r}")


def _order(sides: Sequence[Header], described: Mapping[str, Any]) -> list[str]:
    """The order of the tensors' bytes: the library's, if the first side is in that, else the first side's."""
    orders = [_by_offset(header) for header in sides]
    if orders[0] == sorted(orders[0], key=lambda name: _library_key(name, sides[0][name])):
        return sorted(described, key=lambda name: _library_key(name, described[name]))
    return [name for name in merged_order(*orders, described) if name in described]


def _by_offset(header: Header) -> list[str]:
    return sorted(_tensors(header), key=lambda name: tuple(header[name]["data_offsets"]))


def _tensors(header: Header) -> Iterable[str]:
    return (name for name in header if name != METADATA)


def _library_key(name: str, entry: Mapping[str, Any]) -> tuple[int, bytes]:
    return _RANK.get(entry["dtype"], len(_RANK)), name.encode("utf-8", "surrogatepass")


def _text(header: Header) -> bytes:
    """The header as bytes, with spaces at its end so that the tensors are aligned to 8 bytes."""
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        text = json.dumps(header, separators=(",", ":")).encode()
    if len(text) + 8 > MAX_HEADER:
        raise ComposeError(f"the merged header would have more than {MAX_HEADER} bytes")
    return text + b" " * (-len(text) % 8)
