"""Split files, merge all but the parameters' values, and compose the result."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from git_theta import formats
from git_theta.formats.base import FileVersion, Tensor
from git_theta.formats.compose import Composed, compose_file
from git_theta.formats.split import STRETCH, split
from git_theta.model.checksum import KINDS
from git_theta.model.layout import parse_layout
from git_theta.model.tensor import TensorSpec

Value = tuple[TensorSpec, bytes]


@dataclass(frozen=True)
class Opened:
    """A file taken apart, with the values of its parameters; its skeleton has noise for these."""

    format: str
    version: FileVersion
    values: Mapping[str, Value]


def opened(data: bytes) -> Opened:
    with ThreadPoolExecutor(1) as pool:
        found = split(memoryview(data), formats.registry(), pool)
    skeleton = bytearray(b"\xaa" * len(data))
    for literal in found.layout.literals:
        skeleton[literal.offset : literal.offset + len(literal.data)] = literal.data
    values = {}
    for tensor in found.tensors:
        value = content(tensor, data)
        values[tensor.name] = (tensor.spec, value)
        if tensor.name.startswith(STRETCH):
            skeleton[tensor.offset : tensor.offset + len(value)] = value
    return Opened(found.format, FileVersion(found.layout, memoryview(skeleton)), values)


def content(tensor: Tensor, data: bytes | bytearray) -> bytes:
    return array(tensor, data).tobytes() if tensor.spec.count else b""


def array(tensor: Tensor, data: bytes | bytearray) -> np.ndarray:
    spec = tensor.spec.as_bytes
    strides = tensor.strides or spec.strides
    return np.ndarray(spec.shape, f"V{spec.item_size}", data, tensor.offset, strides)


def merged(
    base: bytes | None,
    *sides: bytes,
    prefer: Callable[[str], int | None] = lambda _name: None,
    values: Mapping[str, Value] | None = None,
) -> tuple[bytes, Composed]:
    """The merged file, with parameters merged by the trivial rule if no values are given."""
    old = opened(base) if base is not None else None
    new = [opened(side) for side in sides]
    if values is None:
        values = trivially(old.values if old else {}, *(side.values for side in new))
    specs = {name: spec for name, (spec, _) in values.items()}
    found = compose_file(
        new[0].format, old.version if old else None, [side.version for side in new], specs, prefer
    )
    assert parse_layout(found.layout.to_bytes()) == found.layout
    return rebuilt(new[0].format, found, values), found


def trivially(base: Mapping[str, Value], *sides: Mapping[str, Value]) -> dict[str, Value]:
    chosen = {}
    for name in dict.fromkeys(name for side in sides for name in side):
        found = [side.get(name) for side in sides]
        value = next((value for value in found if value != base.get(name)), found[0])
        if value is not None:
            chosen[name] = value
    return chosen


def rebuilt(format: str, made: Composed, values: Mapping[str, Value]) -> bytes:  # noqa: A002
    """The composed file; splitting it must give back the layout."""
    data = bytearray(made.layout.size)
    for literal in made.layout.literals:
        data[literal.offset : literal.offset + len(literal.data)] = literal.data
    for place in made.layout.placements:
        if place.name in made.stretches:
            piece = made.stretches[place.name]
            data[place.offset : place.offset + len(piece)] = piece
            continue
        spec, value = values[place.name]
        if spec.count:
            target = array(Tensor(place.name, spec, place.offset, place.strides), data)
            target[...] = np.frombuffer(value, target.dtype).reshape(target.shape)
    for checksum in made.layout.checksums:
        field = KINDS[checksum.kind](checksum.ranges, lambda at, size: zlib.crc32(data[at : at + size]))
        data[checksum.offset : checksum.offset + len(field)] = field
    again = opened(bytes(data))
    assert again.format == format
    assert again.version.layout == made.layout
    stretches = {name for name in values if name.startswith(STRETCH) and name not in again.values}
    assert again.values.keys() - made.stretches.keys() == {
        name for name in values if name not in stretches and name not in made.stretches
    }
    for name in again.values.keys() - made.stretches.keys():
        assert again.values[name] == values[name], name
    return bytes(data)
