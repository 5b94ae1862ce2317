"""Models as users name them on the command line."""

from __future__ import annotations

from git_theta.errors import UsageError
from git_theta.git.history.revisions import path_from_top
from git_theta.git.lineage.edit_record import find_name
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.graph import Graph


def model_name(tree: LineageTree, word: str) -> str:
    """The name of a model in the repository, for a path from the user's folder.

    Raises:
        UsageError: There's no such model, or there are several.
    """
    return find_name(tree, path_from_top(tree.repository.git, word))


def node_name(tree: LineageTree, graph: Graph, word: str) -> str:
    """The name of a model of the graph: also that of one elsewhere, by its URI.

    Raises:
        UsageError: There's no such model, or there are several.
    """
    if word in graph.models and word not in tree.models:
        return word
    try:
        return model_name(tree, word)
    except UsageError:
        path = path_from_top(tree.repository.git, word)
        if path in graph.models:
            return path
        raise
