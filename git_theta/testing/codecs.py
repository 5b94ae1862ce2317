"""The check for codecs."""

from __future__ import annotations

from git_theta.codecs.base import Codec
from git_theta.errors import CorruptError
from git_theta.testing.values import all_specs, sample_value


def check_codec(plugin: Codec) -> None:
    """Check a codec on every dtype and on awkward sizes.

    * Decoding gives back the bytes that were encoded.
    * Encoding gives the same bytes each time.
    * Truncated data give a CorruptError, or other bytes of the right size.

    Raises:
        AssertionError: The message names the broken rule.
    """
    for spec in all_specs():
        value = sample_value(spec)
        params = plugin.params(spec)
        encoded = b"".join(map(bytes, plugin.encode(memoryview(value), params)))
        again = b"".join(map(bytes, plugin.encode(memoryview(value), params)))
        assert encoded == again, f"{plugin.name} gives two encodings of one {spec.dtype} value"
        decoded = b"".join(map(bytes, plugin.decode(memoryview(encoded), params, len(value))))
        assert decoded == value, f"{plugin.name} doesn't give back a {spec.dtype} value of shape {spec.shape}"
        for cut in {0, len(encoded) // 2, max(0, len(encoded) - 1)}:
            try:
                size = sum(map(len, plugin.decode(memoryview(encoded[:cut]), params, len(value))))
            except CorruptError:
                continue
            assert size == len(value), f"{plugin.name} decodes truncated data to {size} bytes"
