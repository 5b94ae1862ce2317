"""All manifests in Git's database, parsed one after the other, and the objects that others pin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from git_theta.git.maintenance.manifest_index import ManifestIndex
from git_theta.git.maintenance.worktree_state import git_dirs
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.git.repository.oid_scan import find_object_names
from git_theta.model.manifest import Manifest


class StoredManifests:
    """The manifests of a repository, reachable or not.

    Args:
        manifests: The index of the repository's manifests, refreshed by the caller.
        common_dir: Git's folder that all work trees share.

    Attributes:
        pinned: Names in manifests that can't be read, as they're damaged, in conflict or of a newer version,
            and in records of conflicts. Complete once all manifests were asked for.
    """

    def __init__(self, manifests: ManifestIndex, common_dir: Path) -> None:
        self._manifests = manifests
        self.pinned: set[str] = set()
        for folder in git_dirs(common_dir):
            for path in (folder / "theta" / "conflicts").glob("*.json"):
                with suppress(OSError):
                    self.pinned |= find_object_names(path.read_bytes())

    def __iter__(self) -> Iterator[Manifest]:
        """The manifests that can be read, those of files and those of tables of sources."""
        with ManifestReader(self._manifests.git) as reader:
            for oid, names in self._manifests.names.items():
                manifest = reader.get(oid)
                if manifest is None:
                    self.pinned |= names
                else:
                    yield manifest
