"""The Python API of lineage: the graph of a repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from git_theta.git.lineage.read_graph import read_graph
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.lineage.graph import Graph

if TYPE_CHECKING:
    import git


def read_lineage(repository: str | os.PathLike[str] | git.Repo = ".", rev: str | None = None) -> Graph:
    """The lineage graph of a repository.

    Args:
        repository: A folder of it, or a `git.Repo` of GitPython.
        rev: A revision, such as `HEAD~1` or a branch; the index, with records of the work tree, when `None`.

    Raises:
        UsageError: There's no such revision.
        GitError: The folder isn't in a repository.
    """
    folder = repository if isinstance(repository, str | os.PathLike) else repository.working_dir or "."
    return read_graph(Repository(Git(Path(folder))), rev)
