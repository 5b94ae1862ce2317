"""An index of all manifests in Git's database, with the objects that each names."""

from __future__ import annotations

from collections.abc import Iterable

from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.oid_scan import find_object_names
from git_theta.model.manifest import MANIFEST_VERSION
from git_theta.model.manifest_text import MANIFEST_MAGIC_BYTES, MAX_TEXT_BYTES, is_manifest

_KNOWN_VERSION = MANIFEST_MAGIC_BYTES + str(MANIFEST_VERSION).encode()


class ManifestIndex:
    """Every manifest in Git's database, reachable or not.

    Manifests aren't parsed. Whatever looks like an object's name counts, so that a damaged manifest, one with
    conflict markers, or one of a newer version keeps its objects as well. The digests of values look the
    same; the store has no objects of these names.

    Args:
        git: Git in the repository.

    Attributes:
        names: The names of the objects in a manifest, by the manifest's blob id.
        known: Whether all manifests are of the version that this program reads.
    """

    def __init__(self, git: Git) -> None:
        self.git = git.originals()
        self.names: dict[str, frozenset[str]] = {}
        self.known = True
        self._seen: set[str] = set()

    def refresh(self) -> None:
        """Read the manifests that were added since the last time.

        Raises:
            GitError: The database can't be listed.
        """
        listing = self.git.run("cat-file", "--batch-all-objects", "--batch-check", "--unordered")
        with Blobs(self.git.cwd) as blobs:
            for line in listing.splitlines():
                oid, kind, size = line.decode().split()
                if (
                    kind != "blob"
                    or oid in self._seen
                    or not len(MANIFEST_MAGIC_BYTES) <= int(size) <= MAX_TEXT_BYTES
                ):
                    continue
                self._seen.add(oid)
                text = blobs.read(oid)
                if text is None:
                    self.known = False
                elif is_manifest(text):
                    self.names[oid] = find_object_names(text)
                    self.known &= text.partition(b"\n")[0] == _KNOWN_VERSION

    def objects_of(self, blobs: Iterable[str]) -> frozenset[str]:
        """The names of the objects in some manifests.

        Args:
            blobs: Ids of manifests; ids of anything else are ignored.
        """
        return frozenset().union(*(self.names[blob] for blob in set(blobs) if blob in self.names))

    def all_objects(self) -> frozenset[str]:
        """The names of the objects in all manifests."""
        return self.objects_of(self.names)
