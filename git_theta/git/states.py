"""The state of each tracked file: HEAD, index and work tree against each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from git_theta.diff import Diff, diff
from git_theta.errors import ManifestError
from git_theta.fingerprint import fingerprint
from git_theta.git.blobs import Blobs
from git_theta.git.body import work_file
from git_theta.git.filter import Filter
from git_theta.git.history import in_revision
from git_theta.model.manifest import Manifest, is_manifest, parse


class Work(Enum):
    """What the work tree has, compared with the index."""

    SAME = "unmodified"
    MODIFIED = "modified"
    DELETED = "deleted"
    PENDING = "still a manifest"
    PLAIN = "in Git as a whole file"


@dataclass(frozen=True, slots=True)
class FileState:
    """One tracked file.

    Attributes:
        path: From the top of the work tree.
        staged: What the index changed since HEAD; `None` for nothing.
        work: What the work tree has.
        changes: What the work tree changed since the index; `None` for nothing, or unknown.
        missing: How many objects of the index's version aren't in the store.
    """

    path: str
    staged: Diff | None
    work: Work
    changes: Diff | None
    missing: int


def states(work: Filter) -> Iterator[FileState]:
    """The state of every tracked file in the index. The current folder is the top of the work tree."""
    git = work.repository.git
    head: dict[str, Manifest | None] = {}
    if git.ok("rev-parse", "-q", "--verify", "HEAD"):
        head = {version.path: version.manifest for version in in_revision(git, "HEAD")}
    listing = git.run("ls-files", "-s", "-z", "--", ":(attr:filter=theta,top)")
    with Blobs() as blobs:
        for record in filter(None, listing.split(b"\0")):
            fields, _, name = record.partition(b"\t")
            mode, oid, stage = fields.decode().split(" ")
            if stage != "0" or not mode.startswith("100"):
                continue
            path = os.fsdecode(name)
            manifest = _parsed(blobs.read(oid))
            if manifest is None:
                yield FileState(path, None, Work.PLAIN, None, 0)
                continue
            staged = diff(head.get(path), manifest)
            found, changes = _compare(work, path, manifest)
            missing = sum(not work.repository.store.has(oid) for oid in manifest.oids())
            yield FileState(path, staged if staged else None, found, changes, missing)


def _compare(work: Filter, path: str, manifest: Manifest) -> tuple[Work, Diff | None]:
    with work_file(path) as file:
        if file is None:
            return (Work.MODIFIED if Path(path).exists() else Work.DELETED), None
        if is_manifest(file.data):
            return Work.PENDING, None
        threads = work.repository.settings.thread_count
        now = work.remembered(file) or fingerprint(file.data, threads, work.repository.store.temporary_file)
    changes = diff(manifest, now)
    return (Work.MODIFIED, changes) if changes else (Work.SAME, None)


def _parsed(blob: bytes | None) -> Manifest | None:
    if blob is None or not is_manifest(blob):
        return None
    try:
        return parse(blob)
    except ManifestError:
        return None
