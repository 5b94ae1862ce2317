"""Pointers of other programs: texts in Git for files that are stored elsewhere.

They aren't checkpoints. Storing a pointer as a checkpoint would look like a conversion, and hide the file
that it stands for from the real conversion, `git theta migrate import`.
"""

from __future__ import annotations

from git_theta.errors import FormatError

#: Within this number of bytes, metadata of git-theta 0.2 names the place of a first value.
_HEAD = 1 << 20


def foreign_pointer_kind(data: bytes | memoryview) -> str:
    """The kind of a pointer, in words for the user; empty if the file isn't one.

    For an ordinary file, only its first bytes are looked at.
    """
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
