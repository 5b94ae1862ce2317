"""Dense: the whole value."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta import codecs
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Payload, Pieces, Sample
from git_theta.updates.payload import pack_header, unpack

_CODEC = "planes"


class Dense:
    """A value that depends on no other."""

    name = "dense"

    def __init__(self) -> None:
        self._codecs = codecs.registry()

    def estimate(self, sample: Sample) -> float:
        """The expected share of the value's bytes, by coding the sample."""
        codec = self._codecs.get(_CODEC)
        data = sample.part()[0].data.cast("B")
        return sum(map(len, codec.encode(data, codec.params(sample.spec)))) / len(data)

    def encode(self, value: memoryview, spec: TensorSpec) -> Payload:
        """Header, then the codec's frames."""
        codec = self._codecs.get(_CODEC)
        params = codec.params(spec)
        yield pack_header({"update": self.name, "codec": _CODEC, "params": params, "nbytes": len(value)})
        yield from codec.encode(value, params)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The codec's output."""
        if payload is None or inputs:
            raise CorruptError("a dense value has a payload and no inputs")
        header, body = unpack(payload)
        if header.get("update") != self.name or not isinstance(header.get("params"), dict):
            raise CorruptError("the payload isn't of a dense value")
        if header.get("nbytes") != nbytes:
            raise CorruptError(f"the payload is of a value of {header.get('nbytes')!r} bytes, not {nbytes}")
        codec = self._codecs.get(str(header.get("codec")))
        return codec.decode(body, header["params"], nbytes)
