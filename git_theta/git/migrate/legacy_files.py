"""Files of git-theta 0.2: which objects of git-lfs their metadata needs, and the file that it stands for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from git_theta.errors import GitError
from git_theta.git.migrate.git_objects import Objects
from git_theta.git.migrate.lfs_objects import checked
from git_theta.runtime.mapped import map_handle
from git_theta.store.local import LocalStore

if TYPE_CHECKING:
    from git_theta.legacy.metadata import Stored

#: Larger text isn't looked at.
MAX_BYTES = 256 << 20

#: Gives the metadata of the same file at a commit.
Earlier = Callable[[str], bytes]


def is_metadata(data: bytes) -> bool:
    """Whether a blob is what git-theta 0.2 stored in place of a checkpoint."""
    if not data.startswith(b"{"):
        return False
    from git_theta import legacy

    return legacy.is_metadata(data)


def earlier(objects: Objects, path: str) -> Earlier:
    """Reads a file at other commits, which updates refer to; LookupError where it isn't."""

    def read(commit: str) -> bytes:
        if "\n" in path:
            raise LookupError(path)
        try:
            return objects.read(f"{commit}:{path}").data
        except GitError as error:
            raise LookupError(path) from error

    return read


def needs(data: bytes, at: Earlier) -> dict[str, int]:
    """The objects of git-lfs that it takes to restore a file, with their sizes.

    What is an update needs the version that it was made from. Where that can't be read, nothing more is
    listed: restoring the file will tell.
    """
    from git_theta.legacy.metadata import LegacyError, parse

    known: dict[str, Mapping[tuple[str, ...], Stored]] = {}
    found: dict[str, int] = {}
    for name, stored in parse(data).items():
        seen = set[str]()
        while True:
            found[stored.oid] = stored.size
            if stored.update == "dense" or stored.last_commit in seen:
                break
            seen.add(stored.last_commit)
            try:
                versions = known.get(stored.last_commit) or parse(at(stored.last_commit))
            except (LookupError, LegacyError):
                break
            known[stored.last_commit] = versions
            if name not in versions:
                break
            stored = versions[name]
    return found


def restore(
    data: bytes, path: str, at: Earlier, lfs: LocalStore, sizes: Mapping[str, int], folder: Path
) -> memoryview:
    """The file that metadata stands for.

    Args:
        data: The metadata.
        path: Where it is; its end tells the format.
        at: Gives earlier metadata.
        lfs: The objects of git-lfs.
        sizes: Those that it needs.
        folder: For temporary files.

    Raises:
        ThetaError: It can't be restored.
    """
    from git_theta import legacy

    def get(oid: str) -> Path:
        if oid in sizes:
            checked(lfs, oid, sizes[oid])
        return lfs.path(oid)

    with tempfile.TemporaryDirectory(dir=folder) as name:
        target = Path(name, "restored")
        legacy.restore(data, get, target, at, path)
        with target.open("rb") as file:
            return map_handle(file.fileno())
