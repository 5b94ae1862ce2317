from __future__ import annotations

import random

import pytest

from git_theta.bisection.midpoints import midpoints
from git_theta.errors import UsageError
from git_theta.git.bisection.model_dag import ModelDag, model_dag, versions_outside
from git_theta.git.history.model_history import ModelHistory
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import ManifestReader
from tests.helpers.histories import History


def dag_of(rev: str, name: str = "m.bin") -> ModelDag:
    git = Git()
    with ManifestReader(git) as manifests:
        return model_dag(ModelHistory(git, manifests), git.line("rev-parse", rev), name)


def edges(found: ModelDag) -> dict[str, list[str]]:
    """The subject of each version's commit, with those of its parents."""
    subjects = {oid: commit.subject for oid, commit in found.commits.items()}
    return {
        subjects[version.commit]: sorted(subjects[parent.commit] for parent in parents)
        for version, parents in found.dag.parents.items()
    }


def test_commits_that_changed_the_model(made: History) -> None:
    made.commit("a", m__bin={"w": "1"})
    made.commit("b", "a", m__bin={"w": "1"}, other__bin={"w": "2"})
    made.commit("c", "b", m__bin={"w": "2"})
    made.commit("d", "c", m__bin={"w": "2"}, note=b"nothing of the model")
    found = dag_of("d")
    assert edges(found) == {"a": [], "c": ["a"]}
    assert found.commits[found.tip.commit].subject == "c"


def test_merges(made: History) -> None:
    made.commit("a", m__bin={"v": "1", "w": "1"})
    made.commit("b", "a", m__bin={"v": "2", "w": "1"})
    made.commit("c", "a", m__bin={"v": "1", "w": "2"})
    made.commit("m", "b c", m__bin={"v": "2", "w": "2"})
    made.commit("d", "a", m__bin={"v": "9", "w": "9"})
    made.commit("n", "m d", m__bin={"v": "2", "w": "2"})
    assert edges(dag_of("n")) == {"a": [], "b": ["a"], "c": ["a"], "m": ["b", "c"]}


def test_renames_are_followed_also_through_a_merge(made: History) -> None:
    made.commit("a", old__bin={"v": "1", "w": "1"})
    made.commit("b", "a", old__bin={"v": "2", "w": "1"})
    made.commit("c", "b", new__bin={"v": "2", "w": "1"})
    made.commit("d", "c", new__bin={"v": "3", "w": "1"})
    found = dag_of("d", "new.bin")
    assert edges(found) == {"a": [], "b": ["a"], "c": ["b"], "d": ["c"]}
    assert {found.commits[each.commit].subject: each.name for each in found.dag.parents} == {
        "a": "old.bin",
        "b": "old.bin",
        "c": "new.bin",
        "d": "new.bin",
    }


def test_a_model_that_was_away_in_between(made: History) -> None:
    made.commit("a", m__bin={"w": "1"})
    made.commit("b", "a", m__bin={"w": "2"})
    made.commit("gone", "b", note=b"x")
    made.commit("back", "gone", m__bin={"w": "3"})
    made.commit("e", "back", m__bin={"w": "4"})
    assert edges(dag_of("e")) == {"a": [], "b": ["a"], "back": ["b"], "e": ["back"]}


def test_a_model_that_came_later(made: History) -> None:
    made.commit("a", note=b"x")
    made.commit("b", "a", m__bin={"w": "2"})
    assert edges(dag_of("b")) == {"b": []}
    with pytest.raises(UsageError, match=r"no model m\.bin"):
        dag_of("a")


def test_versions_outside_of_a_history(made: History) -> None:
    made.commit("a", m__bin={"w": "1"})
    made.commit("b", "a", m__bin={"w": "2"})
    made.commit("c", "b", m__bin={"w": "3"})
    found = dag_of("c")
    outside = versions_outside(Git(), found.dag.parents, made.repo.git("rev-parse", "b").strip())
    assert [found.commits[each.commit].subject for each in outside] == ["c"]


@pytest.mark.parametrize("seed", [2])
def test_distances_are_those_of_git(made: History, seed: int) -> None:
    """Git's `rev-list --bisect-all` of the model's path, in random graphs with merges."""
    chance = random.Random(seed)
    made.commit("c0", m__bin={"w": "0"})
    for number in range(1, 24):
        near = [f"c{each}" for each in range(max(0, number - 4), number)]
        parents = chance.sample(near, min(len(near), chance.choice((1, 1, 2))))
        value = str(number) if chance.random() < 0.8 or len(parents) > 1 else "same"
        made.commit(f"c{number}", " ".join(parents), m__bin={"w": value})
    git = Git()
    good = git.line("rev-parse", "c3")
    found = dag_of("c23")
    suspects = versions_outside(git, found.dag.parents, good)
    ours = {
        version.commit: distance for version, distance in midpoints(found.dag, suspects, older_first=True)
    }
    listed = git.run("rev-list", "--bisect-all", "c23", "^c3", "--", "m.bin").decode().splitlines()
    words = [line.replace("(", " ").replace(")", " ").replace(",", " ").split() for line in listed]
    theirs = {line[0]: int(line[-1].removeprefix("dist=")) for line in words}
    assert ours == theirs
    assert len(ours) > 5
