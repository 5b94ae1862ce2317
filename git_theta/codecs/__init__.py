"""Bytes to fewer bytes and back. A codec is part of a payload, never of an identity."""

from __future__ import annotations

from functools import cache

from git_theta.codecs.base import Codec
from git_theta.registry import Registry


@cache
def registry() -> Registry[Codec]:
    """The codecs that there are."""
    return Registry("codec", "git_theta.codecs", Codec, {"planes": "git_theta.codecs.planes:Planes"})
