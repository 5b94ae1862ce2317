"""Tells git's index the size and times that a file has on disk, without running a filter.

A file that is materialised after git wrote its index entry has another size than the entry says, so
`git status` would call it modified. Every git command that could correct the entry would clean the file
first. Here the entry's stat fields are rewritten instead, which is right as long as

* the entry's blob is the one that the file was made from, else an unstaged change would look clean;
* no other entry's racy check is weakened: git rereads a file whose mtime isn't older than the index,
  so the index keeps its own mtime while it holds such entries;
* nothing else in the file moves. Names and sizes stay, so that every extension stays valid: the offsets in
  IEOT and EOIE, EOIE's hash (of extension names and sizes), the tree cache and the untracked cache. A bit in
  FSMN says whether git may skip lstat for an entry; either value is right once the entry matches the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git

_HEADER = struct.Struct(">4sII")
_TIMES_DEV_INO = struct.Struct(">6I")
_UID_GID_SIZE = struct.Struct(">3I")
_UID_AT, _OID_AT = 28, 40

_ASSUME_VALID, _EXTENDED, _STAGE, _NAME_LENGTH = 0x8000, 0x4000, 0x3000, 0x0FFF
_SKIP_WORKTREE, _INTENT_TO_ADD = 0x4000, 0x2000  # in the second flag word, present if _EXTENDED
_UINT32 = 0xFFFFFFFF
_NO_FILES: Mapping[bytes, os.stat_result] = {}


class UnsupportedIndex(GitError):
    """The index has a form that can't be patched."""


class SplitIndex(UnsupportedIndex):
    """The index is split: most of its entries are in a shared file that mustn't change."""


class CorruptIndex(GitError):
    """The index is truncated, or its checksum is wrong."""


class IndexLocked(GitError):
    """Another process holds the index's lock."""


def patch_stats(
    index: Path,
    root: Path,
    files: Mapping[bytes, str],
    *,
    stats: Mapping[bytes, os.stat_result] = _NO_FILES,
    patience: float = 1.0,
) -> set[bytes]:
    """Rewrite the stat fields of the entries that hold the given blobs.

    Left alone: entries with another blob, conflict stages, intent-to-add, assume-valid and skip-worktree
    entries, and paths that aren't regular files on disk.

    Args:
        index: Git's index file; if it's a symlink, its target is rewritten.
        root: The top of the work tree.
        files: Path relative to `root`, as in the index, to the hex OID of its blob.
        stats: What fstat said of a file when it was written. Paths that aren't in it are looked at now, so
            a change since the write would go unseen; give it wherever something else may write too.
        patience: Seconds to wait for the lock.

    Returns:
        The paths whose entries now match. Empty if there's no index.

    Raises:
        UnsupportedIndex: A split index (SplitIndex), or one of an unknown version.
        CorruptIndex: The index can't be read; it's left as it is.
        IndexLocked: Someone else kept the lock for longer than `patience`.
    """
    if not files:
        return set()
    index = Path(os.path.realpath(index))
    lock = Path(f"{index}.lock")
    renamed = False
    try:
        descriptor = _take(lock, patience)
    except FileNotFoundError:
        return set()
    try:
        with open(descriptor, "wb") as new, open(index, "rb") as old:
            before = os.fstat(old.fileno())
            data = bytearray(old.read())
            patched, racy = _patch(data, root, files, stats, before.st_mtime_ns // 10**9)
            if patched:
                _write(new, data, before, keep_mtime=racy)
                os.rename(lock, index)
                renamed = True
            return patched
    except FileNotFoundError:
        return set()
    finally:
        if not renamed:
            lock.unlink()


def refresh_stats(
    git: Git,
    index: Path,
    root: Path,
    files: Mapping[bytes, str],
    *,
    stats: Mapping[bytes, os.stat_result] = _NO_FILES,
    patience: float = 1.0,
) -> set[bytes]:
    """As `patch_stats`, for a split index too, and with fewer paths in the result rather than an error.

    A path that isn't returned looks modified to git until `git add` or `git status` cleans it, which costs
    time but is never wrong. A split index is joined, patched and split again: that's the only way with git's
    own commands that neither runs a filter nor could stage anything.

    Args:
        git: Runs git on the same index, so its environment names `index` if that isn't the default one.
        index: As there.
        root: As there.
        files: As there.
        stats: As there.
        patience: As there.
    """
    try:
        return patch_stats(index, root, files, stats=stats, patience=patience)
    except SplitIndex:
        return _refresh_split(git, index, root, files, stats, patience)
    except (UnsupportedIndex, CorruptIndex, IndexLocked):
        return set()


def quiet_mtime_ns(index: Path) -> int:
    """The mtime, in ns, for a file that's written now, if git shouldn't reread it because of its age.

    Git rereads a file that isn't older than the index, and the index keeps its mtime through a patch if it
    must. Two seconds, since many builds of git compare whole seconds, and some file systems keep only even
    ones.
    """
    now = time.time_ns()
    with contextlib.suppress(OSError):
        now = min(now, os.stat(index).st_mtime_ns)
    return now - 2 * 10**9


def _refresh_split(
    git: Git,
    index: Path,
    root: Path,
    files: Mapping[bytes, str],
    stats: Mapping[bytes, os.stat_result],
    patience: float,
) -> set[bytes]:
    # With core.splitIndex=true git would warn, and might split the index again while it reads it.
    if not git.ok("-c", "core.splitIndex=false", "update-index", "--no-split-index"):
        return set()
    try:
        return patch_stats(index, root, files, stats=stats, patience=patience)
    except (UnsupportedIndex, CorruptIndex, IndexLocked):
        return set()
    finally:
        git.ok("update-index", "--split-index")


def _patch(
    data: bytearray,
    root: Path,
    files: Mapping[bytes, str],
    stats: Mapping[bytes, os.stat_result],
    written: int,
) -> tuple[set[bytes], bool]:
    """Patch the index in place; also tell whether an entry that stays is as new as the index (`written`)."""
    oid_size = len(next(iter(files.values()))) // 2
    _check(data, oid_size)
    patched: set[bytes] = set()
    racy = False
    try:
        for start, mtime, patchable, name in _entries(data, oid_size):
            if patchable and name in files and _oid(data, start, oid_size) == files[name]:
                status = stats.get(name) or _lstat(root, name)
                if status is not None and stat.S_ISREG(status.st_mode):
                    _write_stat(data, start, status)
                    patched.add(name)
                    continue
            racy = racy or mtime >= written
    except (struct.error, IndexError, ValueError) as error:
        raise _corrupt("an entry is cut short") from error
    if patched and any(data[-oid_size:]):  # index.skipHash leaves zeros
        data[-oid_size:] = _digest(data, oid_size)
    return patched, racy


def _oid(data: bytearray, start: int, size: int) -> str:
    return data[start + _OID_AT : start + _OID_AT + size].hex()


def _check(data: bytearray, oid_size: int) -> None:
    """Check the index's header and checksum."""
    if len(data) < _HEADER.size + oid_size:
        raise _corrupt("it's too short")
    magic, version, _ = _HEADER.unpack_from(data)
    if magic != b"DIRC":
        raise _corrupt("it doesn't start with DIRC")
    if version not in (2, 3, 4):
        raise UnsupportedIndex(f"git's index has version {version}", "git theta knows versions 2 to 4")
    if any(data[-oid_size:]) and data[-oid_size:] != _digest(data, oid_size):
        raise _corrupt("its checksum is wrong")


def _entries(data: bytearray, oid_size: int) -> Iterator[tuple[int, int, bool, bytes]]:
    """Yield each entry's offset, mtime in seconds, whether it may be patched, and its name.

    When all entries are read, checks that the rest is a sequence of extensions that git theta may ignore.
    """
    _, version, count = _HEADER.unpack_from(data)
    fixed = struct.Struct(f">8xI12xI{12 + oid_size}xH")  # mtime, mode, flags
    at, name = _HEADER.size, b""
    for _ in range(count):
        start = at
        mtime, mode, flags = fixed.unpack_from(data, start)
        at = start + fixed.size
        more = 0
        if flags & _EXTENDED:
            more = data[at] << 8 | data[at + 1]
            at += 2
        if version == 4:
            strip, at = _varint(data, at)
            if strip > len(name):
                raise ValueError("an entry takes more of the last name than there is")
            end = data.index(0, at)
            name = name[: len(name) - strip] + data[at:end]
            at = end + 1
        else:
            length = flags & _NAME_LENGTH
            end = at + length if length < _NAME_LENGTH else data.index(0, at)
            name = bytes(data[at:end])
            at = start + (end - start + 8 & ~7)  # one to eight zeros
        patchable = not flags & (_STAGE | _ASSUME_VALID) and not more & (_SKIP_WORKTREE | _INTENT_TO_ADD)
        yield start, mtime, patchable and stat.S_ISREG(mode), name
    _check_extensions(data, at, len(data) - oid_size)


def _check_extensions(data: bytearray, at: int, end: int) -> None:
    """Walk the extensions between `at` and `end`; upper case ones may be ignored, by git's rule."""
    while at < end:
        name, size = struct.unpack_from(">4sI", data, at)
        if name == b"link":
            raise SplitIndex("git's index is split", "git update-index --no-split-index")
        if not name[:1].isupper() and name != b"sdir":  # sdir only says that entries may be folders
            raise UnsupportedIndex(f"git's index has an unknown extension {name.decode('latin-1')!r}")
        at += 8 + size
    if at != end:
        raise _corrupt("an extension is cut short")


def _varint(data: bytearray, at: int) -> tuple[int, int]:
    """Decode the offset encoding of version 4; returns the value and where it ends."""
    byte = data[at]
    value = byte & 127
    while byte & 128:
        at += 1
        byte = data[at]
        value = value + 1 << 7 | byte & 127
    return value, at + 1


def _write_stat(data: bytearray, start: int, status: os.stat_result) -> None:
    ctime, ctime_ns = divmod(status.st_ctime_ns, 10**9)
    mtime, mtime_ns = divmod(status.st_mtime_ns, 10**9)
    size = status.st_size & _UINT32
    if status.st_size and not size:
        size = 1 << 31  # git keeps 0 for "unknown", so it writes this for multiples of 4 GiB
    _TIMES_DEV_INO.pack_into(
        data,
        start,
        ctime & _UINT32,
        ctime_ns,
        mtime & _UINT32,
        mtime_ns,
        status.st_dev & _UINT32,
        status.st_ino & _UINT32,
    )
    _UID_GID_SIZE.pack_into(data, start + _UID_AT, status.st_uid & _UINT32, status.st_gid & _UINT32, size)


def _lstat(root: Path, name: bytes) -> os.stat_result | None:
    try:
        return os.lstat(os.path.join(os.fsencode(root), name))
    except OSError:
        return None


def _take(path: Path, patience: float) -> int:
    deadline = time.monotonic() + patience
    pause = 0.001
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            if time.monotonic() + pause > deadline:
                hint = f"wait for the other git command; if there's none, remove {path}"
                raise IndexLocked("git's index is locked", hint) from None
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def _write(new: BinaryIO, data: bytearray, before: os.stat_result, *, keep_mtime: bool) -> None:
    """Write the new index into its lock file, with the old one's permissions."""
    new.write(data)
    new.flush()
    os.fchmod(new.fileno(), stat.S_IMODE(before.st_mode))  # as core.sharedRepository made it
    if keep_mtime:
        os.utime(new.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))


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
