"""Trees and graphs of the revisions that a command looks at, the last few of them kept."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType

from git_theta.evaluation.model_test import ModelTest
from git_theta.git.lineage.model_versions import model_versions, versions_of_models
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository
from git_theta.lineage.graph import Graph, VersionNode

#: The number of trees that are kept: each has a process of its own.
_KEPT = 4


class VersionTrees:
    """Reads trees of commits, and of the index. A context manager; not for concurrent use.

    Args:
        repository: The repository.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._trees: dict[str, tuple[LineageTree, ExitStack]] = {}
        self._graphs: dict[str, Graph] = {}
        self._versions: dict[tuple[str, str], tuple[VersionNode, ...]] = {}

    def __enter__(self) -> VersionTrees:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, stack in self._trees.values():
            stack.close()
        self._trees = {}

    def tree(self, commit: str) -> LineageTree:
        """The tree of a commit, by its id; of the index if that's empty."""
        if commit not in self._trees:
            while len(self._trees) >= _KEPT:
                self._trees.pop(next(iter(self._trees)))[1].close()
            stack = ExitStack()
            tree = stack.enter_context(LineageTree(self.repository, commit or None))
            self._trees[commit] = tree, stack
        return self._trees[commit][0]

    def graph(self, commit: str) -> Graph:
        """The lineage graph of a commit, by its id; of the index if that's empty."""
        if commit not in self._graphs:
            self._graphs[commit] = graph_of(self.tree(commit))
        return self._graphs[commit]

    def is_for(self, test: ModelTest, model: str, commit: str) -> bool:
        """Whether a test is for a model of a commit."""
        relations = self.graph(commit).relations_of(model) if test.needs_relations else ()
        return test.is_for(model, relations)

    def read_versions(self, models: Iterable[str], commit: str) -> None:
        """Read the versions of several models at once, for `versions`."""
        wanted = [model for model in dict.fromkeys(models) if (model, commit) not in self._versions]
        if len(wanted) > 1:
            found = versions_of_models(self.repository, wanted, commit)
            self._versions.update({(model, commit): found.get(model, ()) for model in wanted})

    def versions(self, model: str, commit: str) -> tuple[VersionNode, ...]:
        """The versions of a model up to a commit, given its id, or `HEAD`; the newest first."""
        key = model, commit
        if key not in self._versions:
            self._versions[key] = model_versions(self.repository, model, commit)
        return self._versions[key]
