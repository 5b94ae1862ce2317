"""Merge the headers of GGUF files and lay the tensors out anew, in the header's order and aligned."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from git_theta.formats.base import ComposeError, FileDraft, FileVersion, Prefer
from git_theta.formats.blank import blank
from git_theta.formats.gguf.dtypes import NUMBERS
from git_theta.formats.gguf.header import (
    ALIGNMENT,
    MAGIC,
    MAX_DIMENSIONS,
    Header,
    aligned,
    read_alignment,
    read_header,
)
from git_theta.formats.threeway import ThreeWay, merged_order
from git_theta.model.tensor import TensorSpec

#: Bytes of the longest name of a tensor that ggml reads.
_MAX_NAME = 63

#: The type of texts.
_TEXT = 8

#: A value of metadata: the number of its type, and its bytes.
RawValue = tuple[int, bytes]


def compose_gguf(
    base: FileVersion | None, sides: Sequence[FileVersion], wanted: Mapping[str, TensorSpec], prefer: Prefer
) -> FileDraft:
    """See `git_theta.formats.base.Composer`."""
    rule = ThreeWay(prefer)
    headers = [read_header(side.skeleton) for side in sides]
    if len({header.big_endian for header in headers}) > 1:
        raise ComposeError("one side is big-endian, another one isn't: take a side")
    old = read_header(base.skeleton) if base else None
    same_order = old is not None and old.big_endian == headers[0].big_endian
    before = _raw(base.skeleton, old) if old and base and same_order else {}
    metadata = _merged(rule, before, [_raw(s.skeleton, h) for s, h in zip(sides, headers, strict=True)])
    order = merged_order(*([tensor.name for tensor in header.tensors] for header in headers), wanted)
    version = max(header.version for header in headers)
    specs = {name: wanted[name] for name in order if name in wanted}
    return FileDraft(_draft(version, headers[0].big_endian, metadata, specs), rule.conflicts)


def new_gguf(specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> memoryview:
    """A new file of version 3, little-endian, without the values of its tensors.

    Args:
        specs: Dtype and shape of each tensor, in the order of the file.
        metadata: Texts by key.

    Raises:
        ComposeError: The format has no such dtype, too many dimensions, or too long a name.
    """
    for name, spec in specs.items():
        if len(name.encode()) > _MAX_NAME:
            raise ComposeError(f"names of GGUF's tensors have at most {_MAX_NAME} bytes, unlike {name!r}")
        if len(spec.shape) > MAX_DIMENSIONS:
            raise ComposeError(f"GGUF's tensors have at most {MAX_DIMENSIONS} dimensions, unlike {name!r}")
    texts = {key: (_TEXT, _text(text, "<")) for key, text in metadata.items()}
    return _draft(3, False, texts, specs)


def _raw(data: memoryview, header: Header) -> dict[str, RawValue]:
    return {key: (each.kind, bytes(data[each.start : each.end])) for key, each in header.metadata.items()}


def _merged(
    rule: ThreeWay, base: Mapping[str, RawValue], sides: Sequence[Mapping[str, RawValue]]
) -> dict[str, RawValue]:
    """The merged metadata, in the order of the first side."""
    merged = {}
    for key in merged_order(*sides):
        values = [side.get(key) for side in sides]
        chosen = values[rule.choose(key, base.get(key), values)]
        if chosen is not None:
            merged[key] = chosen
    return merged


def _draft(
    version: int, big_endian: bool, metadata: Mapping[str, RawValue], specs: Mapping[str, TensorSpec]
) -> memoryview:
    """A file whose tensors have no values yet."""
    order = ">" if big_endian else "<"
    kind, content = metadata.get(ALIGNMENT, (None, b""))
    alignment = read_alignment(kind, content, big_endian)
    parts = [MAGIC, struct.pack(order + "IQQ", version, len(specs), len(metadata))]
    for key, (kind, content) in metadata.items():
        parts += _text(key, order), struct.pack(order + "I", kind), content
    offset = 0
    for name, spec in specs.items():
        if spec.dtype not in NUMBERS:
            raise ComposeError(f"GGUF has no type for parameter {name!r} of {spec.dtype}")
        sizes = (len(spec.shape), *reversed(spec.shape))
        parts += _text(name, order), struct.pack(f"{order}I{len(spec.shape)}Q", *sizes)
        parts.append(struct.pack(order + "IQ", NUMBERS[spec.dtype], offset))
        offset = aligned(offset + spec.nbytes, alignment)
    header = b"".join(parts)
    data = blank(aligned(len(header), alignment) + offset if specs else len(header))
    data[: len(header)] = header
    return data


def _text(text: str, order: str) -> bytes:
    content = text.encode("utf-8")
    return struct.pack(order + "Q", len(content)) + content
