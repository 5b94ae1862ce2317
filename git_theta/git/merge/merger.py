"""The merger of one file: set up as the settings and the attributes of the file say."""

from __future__ import annotations

from collections.abc import Callable

from git_theta.git.merge.side_files import SideFiles
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.execute import Merger
from git_theta.merging.settings_versions import ReadSettings, no_settings


def merger_of(
    workspace: Workspace,
    path: str,
    advance: Callable[[int], object] = lambda _count: None,
    settings: ReadSettings = no_settings,
) -> Merger:
    """A merger for versions of the file at a path.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        path: Path of the file, from the top.
        advance: Called with the number of bytes of each combined parameter.
        settings: Reads files of settings beside the versions.
    """
    repository = workspace.repository
    configured = repository.settings
    return Merger(
        repository.store.kept_open,
        known=workspace.known_files.sources,
        threads=configured.thread_count,
        progress=advance,
        updates=workspace.cleaners.allowed_updates(path),
        depth=configured.depth,
        side_files=SideFiles(repository),
        finite=configured.finite,
        fetch=lambda entries: ensure_values(repository, entries),
        settings=settings,
    )
