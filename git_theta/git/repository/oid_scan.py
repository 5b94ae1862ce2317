"""Names of objects in texts that needn't be valid manifests."""

from __future__ import annotations

import re

_NAME = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def find_object_names(text: bytes) -> frozenset[str]:
    """The words of 64 hexadecimal digits. Digests of values, which look the same, are among them."""
    return frozenset(match.decode() for match in _NAME.findall(text))
