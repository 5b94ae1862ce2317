"""Names of objects in text that needn't be a valid manifest."""

from __future__ import annotations

import re

_NAME = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def find_object_names(text: bytes) -> frozenset[str]:
    """Whatever looks like an object's name. The digests of values look the same; they name nothing."""
    return frozenset(match.decode() for match in _NAME.findall(text))
