"""Zarr arrays of version 2, as git-theta 0.2 wrote them: a description and a grid of chunks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from git_theta.legacy.blosc import MAX_RATIO, decompress_blosc
from git_theta.legacy.metadata import LegacyError
from git_theta.model.tensor import TensorSpec, numpy_dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DESCRIPTION = ".zarray"
_MAX_DESCRIPTION = 1 << 16
#: Bytes of the largest array whose chunks may all be missing: a made-up shape could claim any number.
_MAX_ZEROS = 1 << 30

_KEY = re.compile(r"\d{1,19}(?:\.\d{1,19})*", re.ASCII)

#: Zarr's name of a dtype → ours.
_DTYPES = {
    "|b1": "BOOL",
    "|u1": "U8",
    "|i1": "I8",
    "<u2": "U16",
    "<i2": "I16",
    "<f2": "F16",
    "<u4": "U32",
    "<i4": "I32",
    "<f4": "F32",
    "<u8": "U64",
    "<i8": "I64",
    "<f8": "F64",
    "<c8": "C64",
    "<c16": "C128",
}

#: Settings that all arrays of git-theta 0.2 have in common.
_FIXED = {"zarr_format": 2, "order": "C", "filters": None, "dimension_separator": ".", "fill_value": None}


@dataclass(frozen=True, slots=True)
class ZarrArray:
    """An array, not decompressed yet.

    Attributes:
        spec: Dtype and shape.
        chunk: Dtype and shape of each chunk; chunks at the edges are padded.
        chunks: Indices in the grid, joined by dots → compressed bytes. Missing chunks are zeros.
    """

    spec: TensorSpec
    chunk: TensorSpec
    chunks: Mapping[str, bytes]

    def read(self) -> NDArray[Any]:
        """Decompress the array.

        Raises:
            LegacyError: A chunk is damaged or outside the grid, or there's no memory for all.
        """
        import numpy as np

        dtype = numpy_dtype(self.spec.dtype)
        if self.spec.nbytes > MAX_RATIO * sum(map(len, self.chunks.values())) + _MAX_ZEROS:
            raise LegacyError(f"an array of shape {list(self.spec.shape)} is larger than its chunks can be")
        try:
            out: NDArray[Any] = np.zeros(self.spec.shape, dtype)
        except (MemoryError, ValueError) as error:
            raise LegacyError(f"no memory for an array of shape {list(self.spec.shape)}") from error
        for key, frame in self.chunks.items():
            begins = list(self._begins(key))
            chunk = decompress_blosc(frame, self.chunk.nbytes).view(dtype).reshape(self.chunk.shape)
            ends = [begin + size for begin, size in zip(begins, self.chunk.shape, strict=True)]
            # numpy cuts the slice of `out` at its edge; the chunk has to be cut alike.
            place: tuple[Any, ...] = (*map(slice, begins, ends), ...)
            target = out[place]
            inside: tuple[Any, ...] = (*map(slice, target.shape), ...)
            target[...] = chunk[inside]
        return out

    def _begins(self, key: str) -> Iterator[int]:
        """The indices of a chunk's first element."""
        places = key.split(".") if _KEY.fullmatch(key) else ()
        # An array without dimensions has one chunk, called 0.
        if not self.spec.shape and key == "0":
            return
        if len(places) != len(self.spec.shape):
            raise LegacyError(f"an array has a chunk {key[:80]!r}, which can't be")
        for place, size, step in zip(places, self.spec.shape, self.chunk.shape, strict=True):
            begin = int(place) * step
            if begin >= size:
                raise LegacyError(f"an array has a chunk {key[:80]!r}, which lies outside it")
            yield begin


def parse_zarr(members: Mapping[str, bytes]) -> ZarrArray:
    """Read an array from the files of its folder.

    Args:
        members: Name of a file → its content.

    Raises:
        LegacyError: It isn't an array as git-theta 0.2 wrote.
    """
    description = members.get(_DESCRIPTION, b"")
    try:
        if len(description) > _MAX_DESCRIPTION:
            raise ValueError("its description is too long")
        given = json.loads(description)
        odd = [key for key, value in _FIXED.items() if given[key] != value]
        if given["compressor"]["id"] != "blosc":
            odd.append("compressor")
        if odd:
            raise ValueError(f"unexpected {', '.join(odd)}")
        dtype = _DTYPES[given["dtype"]]
        spec = TensorSpec(dtype, _parse_shape(given["shape"]))
        chunk = TensorSpec(dtype, _parse_shape(given["chunks"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"unknown {error}" if isinstance(error, KeyError) else str(error)
        raise LegacyError(f"this isn't an array as git-theta 0.2 wrote: {reason[:200]}") from error
    if len(chunk.shape) != len(spec.shape) or 0 in chunk.shape:
        raise LegacyError("the chunks of an array don't fit its shape")
    return ZarrArray(spec, chunk, {key: data for key, data in members.items() if key != _DESCRIPTION})


def _parse_shape(sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, list) or not all(type(size) is int for size in sizes):
        raise ValueError("a shape isn't a list of whole numbers")
    return tuple(sizes)
