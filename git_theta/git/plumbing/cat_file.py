"""Blobs by name from one process, `git cat-file --batch`: a filter may need hundreds of them."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.coprocess import Coprocess

#: An id that no object has.
_NO_OBJECT = b"0" * 40


class Blobs:
    """Reads blobs. The process starts at the first read. Not for concurrent use.

    Blobs that `git replace` replaces are read as the originals: objects are sent and kept for these, and
    replacements have ids of their own.

    Args:
        cwd: A folder of the repository; `None` for the current one.
    """

    def __init__(self, cwd: Path | None = None) -> None:
        self._git = Coprocess("cat-file", "--batch", cwd=cwd, extra_env={"GIT_NO_REPLACE_OBJECTS": "1"})
        self._cwd = cwd

    def __enter__(self) -> Blobs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, name: str | bytes, limit: int = 256 << 20) -> bytes | None:
        """The bytes of a blob; `None` if there's none, or if it's larger than `limit` bytes.

        Args:
            name: An id, `:path` for the index, or `REV:path`.
            limit: The number of bytes from which a blob counts as absent.
        """
        found = self.lookup(name, limit)
        return found[1] if found else None

    def lookup(self, name: str | bytes, limit: int = 256 << 20) -> tuple[str, bytes] | None:
        """Id and bytes of a blob; see `read`."""
        request = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
        if b"\n" in request:
            # A request is one line.
            request = self._oid(request)
        try:
            stream = self._git.ask(request + b"\n")
            header = stream.readline()
            # In "NAME missing", the name may have spaces; only "OID TYPE SIZE" ends in a number.
            fields = header.split(b" ")
            if len(fields) != 3 or not fields[2].strip().isdigit():
                return None
            size = int(fields[2])
            if size > limit:
                self.close()
                return None
            data = stream.read(size + 1)[:-1]
        except OSError:
            self.close()
            return None
        return (fields[0].decode(), data) if fields[1] == b"blob" and len(data) == size else None

    def _oid(self, name: bytes) -> bytes:
        """The id of an object with a line break in its name; that of no object if there's none."""
        if name.startswith(b"-"):
            return _NO_OBJECT
        try:
            return Git(self._cwd).originals().line("rev-parse", "-q", "--verify", os.fsdecode(name)).encode()
        except GitError:
            return _NO_OBJECT

    def close(self) -> None:
        """End the process."""
        self._git.close()
