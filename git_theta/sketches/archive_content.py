"""Content sketches of values of bytes, with the content of compressed members."""

from __future__ import annotations

from git_theta.formats.deflate_streams import may_have_streams, plain_beginnings
from git_theta.sketches.content import ContentSketch, ContentTaker, with_members

#: Bytes of plain content that sketches are made of, of each member and of all.
_EACH_PLAIN, _MOST_PLAIN = 1 << 18, 1 << 22


def content_sketch(value: memoryview) -> ContentSketch:
    """The content sketch of a value. Two archives are alike if what they have compressed is.

    Args:
        value: Its bytes.
    """
    taker = ContentTaker(len(value))
    taker.take(value)
    found = taker.sketch()
    if not may_have_streams(value):
        return found
    plain = ContentTaker(_MOST_PLAIN)
    for beginning in plain_beginnings(value, _EACH_PLAIN, _MOST_PLAIN):
        plain.take(memoryview(beginning))
    return with_members(found, plain.sketch(), int.from_bytes(value[:2], "little") << 16)
