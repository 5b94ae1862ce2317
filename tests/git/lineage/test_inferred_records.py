"""Records of inferred derivations."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.git.lineage import edit_record, read_graph
from git_theta.git.lineage.inferred_records import write_inferred
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.lineage.inference.inferred_edge import InferredEdge
from git_theta.lineage.record import parse_record, record_path
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAMES = [f"m{number}.safetensors" for number in range(8)]


def edge(child: str, parent: str, *, is_directed: bool = True) -> InferredEdge:
    return InferredEdge(child, parent, "finetune", 0.9, ("near",), is_directed)


@pytest.fixture
def tree(repo: Repo) -> LineageTree:
    for number, name in enumerate(NAMES):
        repo.write(name, safetensors_bytes({"w": np.full(3, number, "f4")}))
    repo.commit("models")
    return LineageTree(Repository(Git(repo.path)))


def test_each_record_is_read_a_few_times(tree: LineageTree, monkeypatch: pytest.MonkeyPatch) -> None:
    edges = [edge(name, NAMES[0]) for name in NAMES[1:]]
    with tree:
        assert write_inferred(tree, edges, print) == len(edges)
        read = []

        def counted(data: bytes, where: str) -> object:
            read.append(where)
            return parse_record(data, where)

        for module in (read_graph, edit_record):
            monkeypatch.setattr(module, "parse_record", counted)
        assert write_inferred(tree, edges, print) == len(edges)
    assert {read.count(record_path(each.child)) for each in edges} == {5}


def test_circles_among_the_edges_are_told(tree: LineageTree) -> None:
    told: list[str] = []
    one, other, *_, last = NAMES
    edges = [edge(one, other), edge(other, one), edge(last, one, is_directed=False)]
    with tree:
        assert write_inferred(tree, edges, told.append) == 1
    assert told == [f"{other}: {one} is derived from {other} already: {one} from {other}"]


def test_a_record_that_somebody_made_stays(tree: LineageTree) -> None:
    one, other, third = NAMES[:3]
    with tree:
        edit_record.add_parents(tree, one, [edit_record.find_parent(tree, other, other)], "finetune")
        before = tree.record(record_path(one))
        assert write_inferred(tree, [edge(one, third)], print) == 0
        assert tree.record(record_path(one)) == before
