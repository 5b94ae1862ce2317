"""The derivations of a model through history: each commit that changed its record or the model itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice

from git_theta.errors import ThetaError
from git_theta.git.history.commit_info import FIELDS, PLAIN_LOG, CommitInfo, parse_commit
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.lineage.model_versions import model_versions
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.pathspec import literal
from git_theta.git.repository.repository import Repository
from git_theta.lineage.graph import Derivation
from git_theta.lineage.record import record_path


@dataclass(frozen=True, slots=True)
class DerivationChange:
    """A commit that changed a model, or its record.

    Attributes:
        commit: The commit.
        model: The digest of the model's parameters there; empty if it isn't there, or can't be read.
        derivations: The edges to the model's parents there.
        problems: Sentences about the model's record.
    """

    commit: CommitInfo
    model: str
    derivations: tuple[Derivation, ...]
    problems: tuple[str, ...]


def derivation_log(repository: Repository, path: str, rev: str = "HEAD") -> list[DerivationChange]:
    """The commits that changed a model or its record, the newest first, along first parents.

    Args:
        repository: The repository.
        path: Name of the model.
        rev: The revision to begin at.

    Raises:
        UsageError: There's no such revision.
    """
    tip = resolve_commit(repository.git, rev)
    names = {path, *(version.path for version in model_versions(repository, path, tip))}
    with LineageTree(repository, tip) as tree:
        parts = tree.models.get(path)
        names |= set(parts.files) if parts else set()
    specs = literal(each for name in sorted(names) for each in (name, record_path(name)))
    text = repository.git.listing(
        *(
            "log",
            "--first-parent",
            *PLAIN_LOG,
            f"--format=format:{'%x00'.join(FIELDS)}",
            "-z",
            tip,
            "--",
            *specs,
        )
    )
    fields = iter(os.fsdecode(text).split("\0"))
    found = []
    while len(head := [*islice(fields, len(FIELDS))]) == len(FIELDS):
        commit = parse_commit(head)
        found.append(_change(repository, commit, names))
    return found


def _change(repository: Repository, commit: CommitInfo, names: set[str]) -> DerivationChange:
    with LineageTree(repository, commit.oid) as tree:
        try:
            graph = graph_of(tree)
        except ThetaError as error:
            return DerivationChange(commit, "", (), (error.message,))
        name = next((each for each in sorted(names) if each in graph.models and each in tree.models), None)
        if name is None:
            return DerivationChange(commit, "", (), ())
        node = graph.models[name]
        return DerivationChange(commit, node.model, graph.derivations_of(name), node.problems)
