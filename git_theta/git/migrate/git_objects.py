"""Git's objects of all kinds, read from one `git cat-file --batch`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from git_theta.errors import GitError
from git_theta.git.plumbing.coprocess import Coprocess

#: Modes of a tree's entries that aren't files.
TREE, LINK, SUBMODULE = b"40000", b"120000", b"160000"

#: How many trees are kept in memory: histories are walked commit by commit, and trees recur.
_MAX_TREES = 4096

_CHUNK_BYTES = 1 << 20


class TreeEntry(NamedTuple):
    """An entry of a tree, its id in hexadecimal."""

    mode: bytes
    name: bytes
    oid: str

    @property
    def is_file(self) -> bool:
        """Whether the entry is a regular file."""
        return self.mode not in (TREE, LINK, SUBMODULE)


@dataclass(frozen=True, slots=True)
class GitObject:
    """An object.

    Attributes:
        kind: `blob`, `tree`, `commit` or `tag`.
        size: Number of its bytes.
        data: All of its content, or the beginning.
    """

    kind: str
    size: int
    data: bytes


class GitObjects:
    """Reads objects by their ids. Not for concurrent use.

    Args:
        cwd: A folder of the repository; `None` for the current one.
        env: The environment; `None` for this process's own.
    """

    def __init__(self, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self._git = Coprocess("cat-file", "--batch", cwd=cwd, env=env, buffer=_CHUNK_BYTES)
        self._trees: dict[str, tuple[TreeEntry, ...]] = {}

    def __enter__(self) -> GitObjects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, oid: str) -> GitObject:
        """An object, by its id or as `COMMIT:PATH`.

        Raises:
            GitError: It isn't there.
        """
        kind, size, stream = self._ask(oid)
        data = stream.read(size)
        stream.read(1)
        if len(data) != size:
            raise _missing(oid)
        return GitObject(kind, size, data)

    def head(self, oid: str, limit: int) -> GitObject:
        """An object with its first `limit` bytes alone, so that a large one needn't fit into memory.

        Raises:
            GitError: It isn't there.
        """
        kind, size, stream = self._ask(oid)
        data = stream.read(min(size, limit))
        if size > limit:
            # A new process is cheaper than reading the rest.
            self.close()
        else:
            stream.read(1)
        return GitObject(kind, size, data)

    def copy(self, oid: str, handle: int) -> int:
        """Write an object's bytes to a descriptor, piece by piece, and return their number.

        Raises:
            GitError: It isn't there.
        """
        _, size, stream = self._ask(oid)
        left = size
        while left:
            piece = stream.read(min(left, _CHUNK_BYTES))
            if not piece:
                raise _missing(oid)
            left -= len(piece)
            view = memoryview(piece)
            while view:
                view = view[os.write(handle, view) :]
        stream.read(1)
        return size

    def tree(self, oid: str) -> tuple[TreeEntry, ...]:
        """The entries of a tree, in their order.

        Raises:
            GitError: It isn't there.
        """
        found = self._trees.get(oid)
        if found is None:
            found = parse_tree(self.read(oid).data, len(oid) // 2)
            if len(self._trees) >= _MAX_TREES:
                del self._trees[next(iter(self._trees))]
            self._trees[oid] = found
        return found

    def close(self) -> None:
        """End the process; the next question starts another one."""
        self._git.close()

    def _ask(self, oid: str) -> tuple[str, int, IO[bytes]]:
        try:
            stream = self._git.ask(os.fsencode(oid) + b"\n")
            fields = stream.readline().split()
        except OSError as error:
            raise _missing(oid) from error
        if len(fields) != 3:
            raise _missing(oid)
        return fields[1].decode(), int(fields[2]), stream


def parse_tree(data: bytes, oid_bytes: int) -> tuple[TreeEntry, ...]:
    """The entries of a tree's bytes."""
    found, at = [], 0
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space)
        oid = data[end + 1 : end + 1 + oid_bytes]
        found.append(TreeEntry(data[at:space], data[space + 1 : end], oid.hex()))
        at = end + 1 + oid_bytes
    return tuple(found)


def format_tree(entries: Mapping[bytes, TreeEntry]) -> bytes:
    """A tree's bytes, with its entries in Git's order."""
    return b"".join(
        b"%b %b\0%b" % (entry.mode, entry.name, bytes.fromhex(entry.oid))
        for entry in sorted(entries.values(), key=_sort_key)
    )


def _sort_key(entry: TreeEntry) -> bytes:
    """Folders are sorted as if their names ended in a slash."""
    return entry.name + b"/" if entry.mode == TREE else entry.name


def _missing(oid: str) -> GitError:
    return GitError(f"Git has no object {oid}", "`git fsck` tells what is damaged")
