from __future__ import annotations

import pytest

from git_theta.bisection.search import WrongEndError
from git_theta.git.bisection.bisect_ancestry import FoundAncestors, bisect_ancestry
from git_theta.git.bisection.bisect_versions import BisectEnds
from git_theta.git.bisection.model_dag import ModelAt
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.bisecting import FAILS, PASSES, SKIPS, runs_of, subject_of, version
from tests.helpers.histories import History


def record(*parents: str, versions: dict[str, str] | None = None) -> bytes:
    """A lineage record: parents, and the digests of the versions of some."""
    text = 'relation = "finetune"\n'
    for parent in parents:
        key = "uri" if ":" in parent else "path"
        text += f'[[parent]]\n{key} = "{parent}"\n'
        if versions and parent in versions:
            text += f'model = "{versions[parent]}"\n'
    return text.encode()


def digest(rev: str, name: str) -> str:
    with LineageTree(Repository(Git()), rev) as tree:
        return tree.facts(name).model


@pytest.fixture
def family(made: History) -> History:
    """`tuned.bin` from `base.bin`; `merged.bin` from `tuned.bin`, `other.bin`, and a model elsewhere."""
    files = {
        "base.bin": {"w": "1"},
        "other.bin": {"w": "2"},
        "tuned.bin": {"w": "3"},
        "merged.bin": {"w": "4"},
        ".theta/lineage/tuned.bin.toml": record("base.bin"),
        ".theta/lineage/merged.bin.toml": record("tuned.bin", "other.bin", "hf:org/name"),
    }
    made.commit("start", **files)
    made.commit("base2", "start", **{**files, "base.bin": {"w": "1b"}})
    made.commit("base3", "base2", **{**files, "base.bin": {"w": "1c"}})
    return made


def bisect(results: dict[str, str], rev: str = "base3", name: str = "merged.bin") -> FoundAncestors:
    with runs_of(results) as (runs, _):
        return bisect_ancestry(Repository(Git()), runs, BisectEnds(version(rev, name)))


@pytest.mark.usefixtures("family")
def test_the_first_ancestor_that_fails_and_its_first_bad_version() -> None:
    fails = {"tuned.bin": FAILS, "merged.bin": FAILS, "other.bin": PASSES}
    # By subjects, where only the base has versions.
    result = bisect(fails | {"start": FAILS, "base2": FAILS, "base3": FAILS})
    assert {(subject_of(each.bad), each.bad.name) for each in result.found} == {
        ("start", "base.bin"),
        ("start", "other.bin"),
    }
    assert result.notes == ("hf:org/name, which merged.bin was made from, isn't in the repository",)


@pytest.mark.usefixtures("family")
def test_a_middle_model_is_the_first_that_fails() -> None:
    models = {"base.bin": PASSES, "tuned.bin": FAILS, "merged.bin": FAILS, "other.bin": PASSES}
    (found,) = bisect(models).found
    assert (found.bad.name, found.has_good) == ("tuned.bin", False)


@pytest.mark.usefixtures("family")
def test_the_versions_of_the_first_ancestor_are_searched() -> None:
    passing = {"start": FAILS, "base2": PASSES, "base3": FAILS, "base.bin": FAILS}
    with runs_of(passing) as (runs, runner):
        seen: list[ModelAt] = []
        ends = BisectEnds(version("base3", "tuned.bin"))
        result = bisect_ancestry(Repository(Git()), runs, ends, seen.append)
    (found,) = result.found
    assert (subject_of(found.bad), found.bad.name) == ("base3", "base.bin")
    assert [each.name for each in seen] == ["base.bin"]
    assert len(runner.asked) <= 4


@pytest.mark.usefixtures("family")
def test_the_model_itself() -> None:
    models = {"base.bin": PASSES, "tuned.bin": PASSES, "merged.bin": FAILS, "other.bin": PASSES}
    assert [each.bad.name for each in bisect(models).found] == ["merged.bin"]
    with pytest.raises(WrongEndError, match=r"merged\.bin passes the test"):
        bisect(models | {"merged.bin": PASSES})
    with pytest.raises(WrongEndError, match=r"merged\.bin can't be tested"):
        bisect(models | {"merged.bin": SKIPS})


@pytest.mark.usefixtures("family")
def test_an_ancestor_that_cannot_be_tested() -> None:
    models = {"base.bin": SKIPS, "tuned.bin": FAILS, "merged.bin": FAILS, "other.bin": PASSES}
    result = bisect(models)
    assert [each.bad.name for each in result.found] == ["tuned.bin"]
    assert [{each.name for each in suspects} for suspects in result.suspects] == [{"base.bin"}]


def test_a_child_is_judged_with_the_version_that_it_was_made_from(made: History) -> None:
    """The base was broken after `tuned.bin` was made from it, and so isn't the reason."""
    made.commit("one", base__bin={"w": "1"})
    made_from = record("base.bin", versions={"base.bin": digest("one", "base.bin")})
    tuned = {"tuned.bin": {"w": "3"}, ".theta/lineage/tuned.bin.toml": made_from}
    made.commit("two", "one", base__bin={"w": "1"}, **tuned)
    made.commit("three", "two", base__bin={"w": "broken"}, **tuned)
    (found,) = bisect({"one": PASSES, "two": FAILS, "three": FAILS}, "three", "tuned.bin").found
    assert (subject_of(found.bad), found.bad.name) == ("two", "tuned.bin")
    gone = record("base.bin", versions={"base.bin": f"blake3:{'0' * 64}"})
    made.commit("four", "three", base__bin={"w": "broken"}, **tuned | {".theta/lineage/tuned.bin.toml": gone})
    result = bisect({"one": PASSES, "two": FAILS, "three": FAILS, "four": FAILS}, "four", "tuned.bin")
    assert [(subject_of(each.bad), each.bad.name) for each in result.found] == [("three", "base.bin")]
    assert "history doesn't have" in result.notes[0]
