"""The files of one folder in a revision or in the index."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A regular file as Git has it.

    Attributes:
        mode: Its mode as Git writes it, such as `100644`.
        oid: The blob's id; empty for a file of the work tree.
    """

    mode: str
    oid: str


def folder_files(git: Git, rev: str | None, folder: str) -> dict[str, ListedFile]:
    """The regular files of a folder, by name, without those of its folders.

    Args:
        git: Git in the repository.
        rev: A revision, or the id of a tree; `None` for the index, where a file in conflict counts, too.
        folder: Path from the top; empty for the top itself. There may be no such folder, or no revision.
    """
    listing = b""
    with suppress(GitError):  # there's no such revision, or no index
        if rev:
            listing = git.run("ls-tree", "-z", "--full-tree", rev, *([f"{folder}/"] if folder else []))
        else:
            spec = f":(top,literal){folder}/" if folder else ":(top,glob)*"
            listing = git.run("ls-files", "-s", "-z", "--full-name", "--", spec)
    found = {}
    prefix = os.fsencode(f"{folder}/" if folder else "")
    for record in filter(None, listing.split(b"\0")):
        head, _, path = record.partition(b"\t")
        fields, name = head.decode().split(), path[len(prefix) :]
        if fields[0].startswith("100") and b"/" not in name:
            found[os.fsdecode(name)] = ListedFile(fields[0], fields[2] if rev else fields[1])
    return found
