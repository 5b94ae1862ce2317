"""The bytes of Git's index, versions 2 to 4: walk its entries, and rewrite the stat of one in place.

Names and sizes stay when a stat is rewritten, so every extension stays valid: the offsets in IEOT and EOIE,
the hash in EOIE (of extension names and sizes), the tree cache and the untracked cache. A bit in FSMN says
whether Git may skip lstat for an entry; either value is right once the entry matches the file.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Generator, Iterator

from git_theta.errors import GitError

_HEADER = struct.Struct(">4sII")
_TIMES_DEV_INO = struct.Struct(">6I")
_UID_GID_SIZE = struct.Struct(">3I")
_UID_OFFSET, _OID_OFFSET = 28, 40

_ASSUME_VALID, _EXTENDED, _STAGE, _NAME_LENGTH = 0x8000, 0x4000, 0x3000, 0x0FFF
# In the second word of flags, which is there if _EXTENDED is set in the first.
_SKIP_WORKTREE, _INTENT_TO_ADD = 0x4000, 0x2000
_UINT32 = 0xFFFFFFFF


class UnsupportedIndex(GitError):
    """The index has a form that can't be patched."""


class SplitIndex(UnsupportedIndex):
    """The index is split: most of its entries are in a shared file that must not change."""


class CorruptIndex(GitError):
    """The index is truncated, or its checksum is wrong."""


def check_index(data: bytearray, oid_size: int) -> None:
    """Check the header and the checksum.

    Args:
        data: The whole file.
        oid_size: Bytes of an object id: 20 for SHA-1, 32 for SHA-256.

    Raises:
        UnsupportedIndex: The version isn't 2, 3 or 4.
        CorruptIndex: The file isn't an index, or its checksum is wrong.
    """
    if len(data) < _HEADER.size + oid_size:
        raise _corrupt("it's too short")
    magic, version, _ = _HEADER.unpack_from(data)
    if magic != b"DIRC":
        raise _corrupt("it doesn't start with DIRC")
    if version not in (2, 3, 4):
        raise UnsupportedIndex(f"git's index has version {version}", "git theta knows versions 2 to 4")
    if _has_checksum(data, oid_size) and data[-oid_size:] != _digest(data, oid_size):
        raise _corrupt("its checksum is wrong")


def index_entries(data: bytearray, oid_size: int) -> Iterator[tuple[int, int, bool, bytes]]:
    """Offset, mtime in seconds, whether the stat may be rewritten, and path of each entry.

    Entries that must keep their stat are conflict stages, intent-to-add, assume-valid and skip-worktree
    entries, links and submodules. After the last entry, the extensions are checked.

    Raises:
        UnsupportedIndex: The index is split (`SplitIndex`), or has an extension that readers must know.
        CorruptIndex: An entry or an extension is cut short.
    """
    try:
        offset = yield from _walk_entries(data, oid_size)
        _check_extensions(data, offset, len(data) - oid_size)
    except (struct.error, IndexError, ValueError) as error:
        raise _corrupt("an entry is cut short") from error


def entry_oid(data: bytearray, offset: int, oid_size: int) -> str:
    """The hexadecimal id of the blob of the entry at an offset."""
    return data[offset + _OID_OFFSET : offset + _OID_OFFSET + oid_size].hex()


def entry_size(data: bytearray, offset: int) -> int:
    """The size, in bytes modulo 4 GiB, of the file of the entry at an offset."""
    size: int = _UID_GID_SIZE.unpack_from(data, offset + _UID_OFFSET)[2]
    return size


def write_entry_stat(data: bytearray, offset: int, status: os.stat_result) -> None:
    """Rewrite the stat of the entry at an offset."""
    ctime, ctime_ns = divmod(status.st_ctime_ns, 10**9)
    mtime, mtime_ns = divmod(status.st_mtime_ns, 10**9)
    size = status.st_size & _UINT32
    if status.st_size and not size:
        # Git keeps 0 for "unknown", so it writes this for multiples of 4 GiB.
        size = 1 << 31
    _TIMES_DEV_INO.pack_into(
        data,
        offset,
        ctime & _UINT32,
        ctime_ns,
        mtime & _UINT32,
        mtime_ns,
        status.st_dev & _UINT32,
        status.st_ino & _UINT32,
    )
    uid, gid = status.st_uid & _UINT32, status.st_gid & _UINT32
    _UID_GID_SIZE.pack_into(data, offset + _UID_OFFSET, uid, gid, size)


def renew_checksum(data: bytearray, oid_size: int) -> None:
    """Compute the checksum again, unless the index has none (`index.skipHash`)."""
    if _has_checksum(data, oid_size):
        data[-oid_size:] = _digest(data, oid_size)


def _walk_entries(data: bytearray, oid_size: int) -> Generator[tuple[int, int, bool, bytes], None, int]:
    """Yield the entries as `index_entries`; returns the offset of the first extension."""
    _, version, count = _HEADER.unpack_from(data)
    fixed = struct.Struct(f">8xI12xI{12 + oid_size}xH")  # mtime, mode, flags
    offset, name = _HEADER.size, b""
    for _ in range(count):
        start = offset
        mtime, mode, flags = fixed.unpack_from(data, start)
        offset = start + fixed.size
        more = 0
        if flags & _EXTENDED:
            more = data[offset] << 8 | data[offset + 1]
            offset += 2
        if version == 4:
            strip, offset = _varint(data, offset)
            if strip > len(name):
                raise ValueError("an entry takes more of the last name than there is")
            end = data.index(0, offset)
            name = name[: len(name) - strip] + data[offset:end]
            offset = end + 1
        else:
            length = flags & _NAME_LENGTH
            end = offset + length if length < _NAME_LENGTH else data.index(0, offset)
            name = bytes(data[offset:end])
            offset = start + (end - start + 8 & ~7)  # one to eight zeros
        is_free = not flags & (_STAGE | _ASSUME_VALID) and not more & (_SKIP_WORKTREE | _INTENT_TO_ADD)
        yield start, mtime, is_free and stat.S_ISREG(mode), name
    return offset


def _check_extensions(data: bytearray, offset: int, end: int) -> None:
    """Walk the extensions; by Git's rule, those in upper case may be ignored."""
    while offset < end:
        name, size = struct.unpack_from(">4sI", data, offset)
        if name == b"link":
            raise SplitIndex("git's index is split", "git update-index --no-split-index")
        if not name[:1].isupper() and name != b"sdir":  # sdir only says that entries may be folders
            raise UnsupportedIndex(f"git's index has an unknown extension {name.decode('latin-1')!r}")
        offset += 8 + size
    if offset != end:
        raise _corrupt("an extension is cut short")


def _varint(data: bytearray, offset: int) -> tuple[int, int]:
    """Decode a number of version 4; returns it with the offset of its end."""
    byte = data[offset]
    value = byte & 127
    while byte & 128:
        offset += 1
        byte = data[offset]
        value = value + 1 << 7 | byte & 127
    return value, offset + 1


def _has_checksum(data: bytearray, oid_size: int) -> bool:
    return any(data[-oid_size:])


def _digest(data: bytearray, oid_size: int) -> bytes:
    body = memoryview(data)[:-oid_size]
    if oid_size == 20:
        return hashlib.sha1(body, usedforsecurity=False).digest()
    return hashlib.sha256(body).digest()


def _corrupt(why: str) -> CorruptIndex:
    return CorruptIndex(
        f"git's index is corrupt: {why}",
        "remove it and run 'git reset'; that keeps every file but unstages all changes",
    )
