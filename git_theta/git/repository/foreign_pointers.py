"""Texts that stand in Git for files that are elsewhere, as other programs keep them.

They aren't checkpoints. Storing one as such would look like a conversion, and hide what it stands for
from the real one, `git theta migrate import`.
"""

from __future__ import annotations

from git_theta.errors import FormatError

#: Where git-theta 0.2 first says where a value is, in the metadata of any real model.
_HEAD = 1 << 20


def foreign_pointer_kind(data: bytes | memoryview) -> str:
    """Whose text it is, in words; empty if it's none. An ordinary file costs a look at its start."""
    if bytes(data[:8]) == b"version ":
        from git_theta.store.lfs.pointer import MAX_POINTER_BYTES, parse_pointer

        try:
            found = len(data) < MAX_POINTER_BYTES and parse_pointer(bytes(data)) is not None
        except FormatError:
            # A pointer with extensions is one too.
            found = True
        return "a pointer of git-lfs" if found else ""
    if bytes(data[:1]) == b"{" and b'"lfs_metadata"' in bytes(data[:_HEAD]):
        from git_theta import legacy

        return "metadata of git-theta 0.2" if legacy.is_metadata(bytes(data)) else ""
    return ""
