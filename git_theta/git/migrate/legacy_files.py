"""Files of git-theta 0.2 in history: metadata in Git, and objects of git-lfs that have the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from git_theta.errors import GitError
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.migrate.lfs_objects import verified_object
from git_theta.runtime.early_end import temporary_folder
from git_theta.runtime.mapped import map_handle
from git_theta.store.local import LocalStore

if TYPE_CHECKING:
    from git_theta.legacy.metadata import LegacyParameter

#: Larger blobs aren't taken for metadata, in bytes.
MAX_METADATA_BYTES = 256 << 20

#: Reads the metadata of the same file at a commit; raises LookupError where there's none.
MetadataAt = Callable[[str], bytes]


def is_legacy_metadata(data: bytes) -> bool:
    """Whether a blob is what git-theta 0.2 stored in place of a checkpoint."""
    if not data.startswith(b"{"):
        return False
    from git_theta import legacy

    return legacy.is_metadata(data)


def metadata_reader(objects: GitObjects, path: str) -> MetadataAt:
    """A reader of a file's metadata at other commits, which updates refer to."""

    def read(commit: str) -> bytes:
        if "\n" in path:
            raise LookupError(path)
        try:
            return objects.read(f"{commit}:{path}").data
        except GitError as error:
            raise LookupError(path) from error

    return read


def needed_lfs_objects(data: bytes, metadata_at: MetadataAt) -> dict[str, int]:
    """The objects of git-lfs that a file is restored from, with their sizes.

    An update needs the version that it was made from. Where that can't be read, its objects aren't listed:
    restoring the file will fail then, with a reason.
    """
    from git_theta.legacy.metadata import LegacyError, parse_metadata

    known: dict[str, Mapping[tuple[str, ...], LegacyParameter]] = {}
    found: dict[str, int] = {}
    for name, stored in parse_metadata(data).items():
        seen = set[str]()
        while True:
            found[stored.oid] = stored.size
            if stored.update == "dense" or stored.last_commit in seen:
                break
            seen.add(stored.last_commit)
            try:
                versions = known.get(stored.last_commit) or parse_metadata(metadata_at(stored.last_commit))
            except (LookupError, LegacyError):
                break
            known[stored.last_commit] = versions
            if name not in versions:
                break
            stored = versions[name]
    return found


def restore_file(
    data: bytes, path: str, metadata_at: MetadataAt, lfs: LocalStore, sizes: Mapping[str, int], folder: Path
) -> memoryview:
    """Restore the file that metadata describes.

    Args:
        data: The metadata.
        path: The file's path, whose ending tells the format.
        metadata_at: Reads earlier metadata.
        lfs: The objects of git-lfs.
        sizes: Sizes of the objects that are needed, by oid.
        folder: For temporary files.

    Raises:
        ThetaError: It can't be restored.
    """
    from git_theta import legacy

    def get(oid: str) -> Path:
        if oid in sizes:
            verified_object(lfs, oid, sizes[oid])
        return lfs.path(oid)

    with temporary_folder(folder) as name:
        target = Path(name, "restored")
        legacy.restore(data, get, target, metadata_at, path)
        with target.open("rb") as file:
            return map_handle(file.fileno())
