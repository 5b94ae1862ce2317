"""Dense: the whole value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from git_theta.codecs.tensor_codec import DEFAULT_CODEC, codec_named, encode_tensor
from git_theta.errors import CorruptError, UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.array import check_computable
from git_theta.updates.base import Base, Input, Payload, Pieces, Sample
from git_theta.updates.bundle import Bundle, check_bundle_size
from git_theta.updates.demand import Demand, ReadPayload, streaming
from git_theta.updates.payload import pack_header, unpack
from git_theta.updates.rounding import ARITHMETIC

if TYPE_CHECKING:
    from git_theta.updates.side_loaded import Given


class Dense:
    """A value that depends on no other: always possible, so every other update competes with it."""

    name = "dense"
    base_count = 0
    parts = ("",)

    def share(self, sample: Sample) -> float:
        """The expected size of the payload as a share of the value's bytes, by trial on the sample."""
        data = sample.part()[0].data.cast("B")
        return len(encode_tensor(data, sample.spec)) / len(data)

    def encode(self, value: memoryview, spec: TensorSpec) -> Payload:
        """Header, then the codec's frames.

        Args:
            value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
            spec: Dtype and shape.
        """
        codec = DEFAULT_CODEC
        params = codec.params(spec)
        yield pack_header({"update": self.name, "codec": codec.name, "params": params, "nbytes": len(value)})
        yield from codec.encode(value, params)

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """Chunks of the value."""
        return streaming(inputs, nbytes, work=1, memory=4 << 20)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The codec's output."""
        if payload is None or inputs:
            raise CorruptError("a dense value has a payload and no inputs")
        return self.decode_part(payload, nbytes, 0, nbytes)

    def decode_part(self, payload: memoryview, nbytes: int, start: int, end: int) -> Pieces:
        """The bytes from `start` to `end` of the value.

        Raises:
            CorruptError: The payload can't give a value of `nbytes` bytes.
        """
        header, body = self._unpacked(payload)
        if header.get("nbytes") != nbytes:
            raise CorruptError(
                f"the payload is of a value of {header.get('nbytes')!r:.40} bytes, not {nbytes}"
            )
        codec = codec_named(header.get("codec"))
        return codec.decode_part(body, header["params"], nbytes, start, end)

    def open_bundle(self, payload: memoryview) -> Bundle:
        """The values, one after another."""
        header, body = self._unpacked(payload)
        nbytes = check_bundle_size(header.get("nbytes"))
        pieces = codec_named(header.get("codec")).decode(body, header["params"], nbytes)
        return Bundle(TensorSpec("U8", (nbytes,)), memoryview(b"".join(pieces)))

    def decode_bundled(
        self, bundle: Bundle, places: Sequence[int], bases: Sequence[memoryview], nbytes: int
    ) -> list[memoryview]:
        """The values at their places."""
        return [bundle.part(place, nbytes) for place in places]

    def _unpacked(self, payload: memoryview) -> tuple[dict[str, Any], memoryview]:
        """Header and body of a payload.

        Raises:
            CorruptError: The payload isn't of a dense value.
        """
        header, body = unpack(payload)
        if header.get("update") != self.name or not isinstance(header.get("params"), dict):
            raise CorruptError("the payload isn't of a dense value")
        return header, body

    def check(self, given: Given, name: str, spec: TensorSpec) -> None:
        """Check that the tensor has the parameter's shape, and its dtype or one that can be rounded to it."""
        value = given[""]
        if value.spec.dtype != spec.dtype:
            check_computable(name, spec)
        value.check_shape(spec.shape, name, spec)
        if value.spec.dtype in ARITHMETIC:
            value.numbers()
        elif value.spec.dtype != spec.dtype:
            raise UsageError(f"{value.name!r} in the update data has dtype {value.spec.dtype}")

    def given_value(self, given: Given, spec: TensorSpec, base: Base) -> Pieces:
        """The tensor, in the parameter's dtype."""
        yield given[""].as_dtype(spec.dtype).data
