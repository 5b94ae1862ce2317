"""The version of a tracked file that updates apply to: the one in the index, or else in HEAD."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, parse_if_manifest, valid_manifest

#: So many versions are looked at for an update that is there already.
_VERSIONS = 20

_UNMERGED_STAGES = (b"1", b"2", b"3")


@dataclass(frozen=True, slots=True)
class PreviousVersion:
    """A version that updates apply to.

    Attributes:
        manifest: Its manifest.
        mode: The file's mode as in the index, for example `100644`.
        oid: Id of the manifest's blob.
    """

    manifest: Manifest
    mode: str
    oid: str


def previous_version(git: Git, path: str) -> PreviousVersion:
    """The version in the index, or else in HEAD.

    Args:
        git: Git at the top of the work tree.
        path: The file, from there.

    Raises:
        UsageError: The file isn't tracked, or has no version that git-theta stored.
        GitError: The file is in conflict.
    """
    if attribute_values(git, "filter", [path]).get(path) != "theta":
        raise UsageError(f"{path} isn't tracked by git-theta", f"git theta track {shlex.quote(path)}")
    add_first = f"add it first: git add -- {shlex.quote(path)}"
    record = _index_record(git, path) or _head_record(git, path)
    info, _, name = record.partition(b"\t")
    if os.fsdecode(name) != path or not info.startswith(b"100"):
        raise UsageError(f"{path} has no previous version that an update could apply to", add_first)
    # "MODE OID STAGE" in the index, "MODE blob OID" in a tree.
    mode, *words = info.decode().split()
    oid = max(words, key=len)
    with Blobs(git.cwd) as blobs:
        blob = blobs.read(oid, MAX_TEXT_BYTES)
    manifest = None if blob is None else parse_if_manifest(blob)
    if manifest is None:
        raise UsageError(f"{path} has no previous version that git-theta stored", add_first)
    return PreviousVersion(manifest, mode, oid)


def earlier_versions(repository: Repository, path: str, rev: str = "HEAD") -> Iterator[Manifest]:
    """The newest committed versions of a file, the newest first, by the first parents of a commit.

    Args:
        repository: The repository, with Git at the top of its work tree.
        path: The file, from there.
        rev: The commit; without it, or if it's a tree, there are no versions.
    """
    git = repository.git
    if not git.ok("rev-parse", "-q", "--verify", f"{rev}^{{commit}}"):
        return
    words = ("rev-list", "--first-parent", f"--max-count={_VERSIONS}", rev, "--", f":(top,literal){path}")
    with Blobs(git.cwd) as blobs:
        for commit in git.line(*words).split():
            manifest = valid_manifest(blobs.read(f"{commit}:{path}", MAX_TEXT_BYTES) or b"")
            if manifest:
                yield manifest


def _index_record(git: Git, path: str) -> bytes:
    listing = git.run("ls-files", "-s", "-z", "--", f":(top,literal){path}")
    records = [record for record in listing.split(b"\0") if record]
    if len(records) > 1 or (records and records[0].split()[2] in _UNMERGED_STAGES):
        raise GitError(f"{path} is in conflict", "finish the merge first")
    return records[0] if records else b""


def _head_record(git: Git, path: str) -> bytes:
    if not git.ok("rev-parse", "-q", "--verify", "HEAD"):
        return b""
    return git.run("ls-tree", "-z", "HEAD", "--", path).partition(b"\0")[0]
