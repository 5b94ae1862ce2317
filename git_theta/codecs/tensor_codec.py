"""The codec of a payload by its name, and the bytes of a small tensor in the default codec."""

from __future__ import annotations

from git_theta.codecs.base import Codec
from git_theta.codecs.planes import Planes
from git_theta.errors import CorruptError
from git_theta.model.strided import joined, temporary_file
from git_theta.model.tensor import TensorSpec

#: The codec that new payloads are written with.
DEFAULT_CODEC: Codec = Planes()

_BY_NAME: dict[object, Codec] = {DEFAULT_CODEC.name: DEFAULT_CODEC}


def codec_named(name: object) -> Codec:
    """The codec that a payload's header names.

    Raises:
        CorruptError: The codec is unknown.
    """
    codec = _BY_NAME.get(name) if isinstance(name, str) else None
    if codec is None:
        raise CorruptError(
            f"the payload's codec {repr(name)[:40]} isn't known", "upgrade: pip install -U git-theta"
        )
    return codec


def encode_tensor(data: memoryview, spec: TensorSpec) -> bytes:
    """The bytes of a small tensor in the default codec, with the parameters that the dtype implies.

    Args:
        data: C-contiguous elements, `spec.nbytes` bytes or a whole number of rows.
        spec: Dtype and shape.
    """
    return b"".join(map(bytes, DEFAULT_CODEC.encode(data, DEFAULT_CODEC.params(spec))))


def decode_tensor(name: object, data: memoryview, spec: TensorSpec) -> memoryview:
    """The inverse of `encode_tensor`: `spec.nbytes` bytes.

    Args:
        name: The codec's name, from the payload's header.
        data: As `encode_tensor` gave it.
        spec: Dtype and shape.

    Raises:
        CorruptError: The codec is unknown, or the data can't be decoded to that size.
    """
    codec = codec_named(name)
    return joined(codec.decode(data, codec.params(spec), spec.nbytes), spec.nbytes, temporary_file)
