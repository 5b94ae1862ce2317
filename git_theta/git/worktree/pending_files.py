"""Pending files: checkpoints whose file in the work tree is still their manifest."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, is_manifest, parse_manifest, with_plain_line_ends

#: Bytes that are read of a file before it's known to begin as a manifest.
_HEAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that is still its manifest in the work tree.

    Attributes:
        path: The file, from the top of the work tree.
        manifest: The manifest that it holds.
        text: The manifest's bytes, which the file must still hold to be replaced.
        oid: Id of the manifest's blob; zeros if the index has another.
    """

    path: str
    manifest: Manifest
    text: bytes
    oid: str


def pending_files(repository: Repository, paths: Iterable[str] = ()) -> list[PendingFile]:
    """Tracked files whose work-tree content is a manifest, whichever the index has.

    Args:
        repository: The repository, with Git at the top of its work tree.
        paths: Paths or folders from there; all when empty.
    """
    git = repository.git
    wanted = [f":(attr:filter=theta,top,literal){path}" for path in paths] or [":(attr:filter=theta,top)"]
    listing = git.run("ls-files", "-s", "-z", "--", *wanted)
    found = []
    with Blobs(git.cwd) as blobs:
        for record in filter(None, listing.split(b"\0")):
            head, _, name = record.partition(b"\t")
            mode, oid, stage = head.decode().split(" ")
            path = os.fsdecode(name)
            if stage != "0" or not mode.startswith("100"):
                continue
            text = manifest_text(git.path(path))
            if text is not None:
                indexed = blobs.read(oid) == with_plain_line_ends(text)
                with suppress(ThetaError):
                    known = oid if indexed else "0" * len(oid)
                    found.append(PendingFile(path, parse_manifest(text), text, known))
    return found


def manifest_text(path: str) -> bytes | None:
    """The content of a file that begins as a manifest; `None` for any other file, or none."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_TEXT_BYTES:
            return None
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
            return head + file.read() if is_manifest(head) else None
    except OSError:
        return None
