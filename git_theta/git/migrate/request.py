"""The request for a migration, and the summary of a finished one."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.git.migrate.attributes import Target


@dataclass(frozen=True, slots=True)
class MigrationRequest:
    """A migration that the user wants.

    Attributes:
        target: How files are to be stored.
        include: Patterns of files; without any, the attributes say which files are meant.
        rewrite: Whether history is rewritten, and not only the next commit prepared.
        names: Branches and tags to rewrite; without any, the current branch.
        everything: Whether all branches and tags are rewritten.
        force: Whether plain files may be larger than hosts accept.
    """

    target: Target
    include: tuple[str, ...] = ()
    rewrite: bool = False
    names: tuple[str, ...] = ()
    everything: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class MigrationSummary:
    """The outcome of a migration.

    Attributes:
        files: Number of paths with a version that was converted.
        versions: Number of blobs that were converted.
        size: Bytes of their files.
        before: Bytes that they cost before, with all objects that they need.
        after: Bytes that they cost now.
        commits: Number of commits that were rewritten.
        refs: Refs that were moved.
        left: Branches and tags that still have commits that were rewritten.
        signatures: Number of signatures that were dropped.
        written: Files of the work tree that were only pointers, and have their content now.
        others: Patterns of git-lfs that no checkpoint matches, and that stay.
    """

    files: int = 0
    versions: int = 0
    size: int = 0
    before: int = 0
    after: int = 0
    commits: int = 0
    refs: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    signatures: int = 0
    written: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
