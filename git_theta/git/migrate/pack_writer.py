"""A pack of new Git objects, which enter the repository in one step when all are made."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib
from typing import BinaryIO, Literal

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.environment import internal_environment

ObjectKind = Literal["commit", "tree", "blob", "tag"]

_TYPES: dict[ObjectKind, int] = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}

#: Fewer objects than this become files of their own, as `git fetch` does it.
_MIN_PACKED = 100

_CHUNK_BYTES = 1 << 20


class PackWriter:
    """Writes a pack to a temporary file.

    Args:
        file: The file, empty and writable.
        hash_name: The repository's hash: `sha1` or `sha256`.
    """

    def __init__(self, file: BinaryIO, hash_name: str) -> None:
        self._file = file
        self._hash = hash_name
        self._offsets: dict[str, int] = {}
        self._end = 12
        file.write(b"\0" * self._end)

    def add(self, kind: ObjectKind, data: bytes) -> str:
        """Add an object, unless the pack has it, and return its id."""
        hasher = hashlib.new(self._hash, b"%b %d\0" % (kind.encode(), len(data)), usedforsecurity=False)
        hasher.update(data)
        oid = hasher.hexdigest()
        if oid not in self._offsets:
            self._offsets[oid] = self._end
            record = _object_header(_TYPES[kind], len(data)) + zlib.compress(data)
            self._file.seek(self._end)
            self._file.write(record)
            self._end += len(record)
        return oid

    def get(self, oid: str) -> bytes | None:
        """The bytes of an object of this pack; `None` if it has no such object."""
        at = self._offsets.get(oid)
        if at is None:
            return None
        self._file.seek(at)
        while self._file.read(1)[0] & 0x80:
            pass
        inflate = zlib.decompressobj()
        pieces = []
        while not inflate.eof:
            pieces.append(inflate.decompress(self._file.read(1 << 16)))
        return b"".join(pieces)

    def install(self, git: Git) -> None:
        """Give all objects to a repository; nothing refers to them yet.

        Raises:
            GitError: The repository can't be written.
        """
        count = len(self._offsets)
        if not count:
            return
        self._file.seek(0)
        self._file.write(b"PACK" + (2).to_bytes(4) + count.to_bytes(4))
        self._file.seek(0)
        hasher = hashlib.new(self._hash, usedforsecurity=False)
        while chunk := self._file.read(_CHUNK_BYTES):
            hasher.update(chunk)
        self._file.write(hasher.digest())
        self._file.flush()
        command = ["unpack-objects", "-q"] if count < _MIN_PACKED else ["index-pack", "--stdin"]
        os.lseek(self._file.fileno(), 0, os.SEEK_SET)
        done = subprocess.run(
            ["git", *command],
            cwd=git.cwd,
            env=internal_environment(git.env),
            stdin=self._file.fileno(),
            capture_output=True,
        )
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
            raise GitError(f"git {command[0]} failed: {message}")


def _object_header(kind: int, size: int) -> bytes:
    """An object's type and size: three bits and four, then seven bits a byte, least significant first."""
    out = bytearray([kind << 4 | size & 15])
    size >>= 4
    while size:
        out[-1] |= 0x80
        out.append(size & 0x7F)
        size >>= 7
    return bytes(out)
