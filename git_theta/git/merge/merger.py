"""What merges the versions of one file, as the settings and the file's attributes say."""

from __future__ import annotations

from collections.abc import Callable

from git_theta.git.merge.side_files import SideFiles
from git_theta.git.remote.fetch import ensure_objects, needed_objects
from git_theta.git.worktree.workspace import Workspace
from git_theta.merge.execute import Merger


def merger_of(
    workspace: Workspace, path: str, advance: Callable[[int], object] = lambda _count: None
) -> Merger:
    """What merges versions of the file at a path."""
    repository = workspace.repository
    settings = repository.settings
    return Merger(
        repository.store,
        known=workspace.known_files.source,
        threads=settings.thread_count,
        progress=advance,
        updates=workspace.cleaners.allowed_updates(path),
        depth=settings.depth,
        side_files=SideFiles(repository),
        fetch=lambda entries: ensure_objects(repository, needed_objects(entries)),
    )
