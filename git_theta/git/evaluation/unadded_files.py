"""Models whose files in the work tree aren't those of the index, which are tested."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.dirty_paths import dirty_paths


def unadded_files(tree: LineageTree, models: Iterable[str]) -> list[str]:
    """Paths of files of models with changes that aren't added; none in a bare repository.

    Args:
        tree: The index.
        models: Names of models in it.
    """
    with suppress(GitError):
        repository = tree.repository.at_top()
        files = [file for model in dict.fromkeys(models) for file in tree.models[model].files]
        return dirty_paths(repository.git, [file for file in files if (repository.root / file).exists()])
    return []
