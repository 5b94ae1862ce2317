"""The rules that every codec keeps."""

from __future__ import annotations

from git_theta.codecs.base import Codec
from git_theta.errors import CorruptError
from git_theta.testing.values import all_specs, sample_value


def check_codec(codec: Codec) -> None:
    """Check a codec on every dtype and on awkward sizes.

    * Decoding gives back the bytes.
    * The same bytes give the same frames each time.
    * Damaged frames give a CorruptError, or other bytes of the right size.
    """
    for spec in all_specs():
        value = sample_value(spec)
        params = codec.params(spec)
        encoded = b"".join(map(bytes, codec.encode(memoryview(value), params)))
        again = b"".join(map(bytes, codec.encode(memoryview(value), params)))
        assert encoded == again, f"{codec.name} gives two encodings of one {spec.dtype} value"
        decoded = b"".join(map(bytes, codec.decode(memoryview(encoded), params, len(value))))
        assert decoded == value, f"{codec.name} doesn't give back a {spec.dtype} value of shape {spec.shape}"
        for cut in {0, len(encoded) // 2, max(0, len(encoded) - 1)}:
            try:
                size = sum(map(len, codec.decode(memoryview(encoded[:cut]), params, len(value))))
            except CorruptError:
                continue
            assert size == len(value), f"{codec.name} decodes truncated data to {size} bytes"
