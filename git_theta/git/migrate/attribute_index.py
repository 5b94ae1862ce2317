"""Indexes of attributes files alone, by which Git knows the attributes in trees that aren't checked out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from git_theta.git.plumbing.command import Git


def write_index(git: Git, index: Path, blobs: Mapping[str, str]) -> None:
    """Make an index of a few files.

    Args:
        git: Git in the repository.
        index: Path of the new index.
        blobs: Path of each file → id of its blob.
    """
    inside = Git(git.cwd, {**(os.environ if git.env is None else git.env), "GIT_INDEX_FILE": str(index)})
    lines = b"".join(b"100644 %b 0\t%b\0" % (oid.encode(), os.fsencode(path)) for path, oid in blobs.items())
    inside.run("-c", "core.splitIndex=false", "update-index", "-z", "--index-info", stdin=lines)
