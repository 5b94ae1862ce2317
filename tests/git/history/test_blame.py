from __future__ import annotations

from tests.helpers.file_histories import A, B, blame_of, revisions_of, subjects
from tests.helpers.histories import History, manifest_of
from tests.helpers.repo import Repo


def test_a_merge_is_blamed_for_values_that_no_parent_has(made: History) -> None:
    made.commit("base", m__bin=A)
    made.commit("ours", "base", m__bin=B)
    made.commit("theirs", "base", m__bin=A | {"one": "1t"})
    made.commit("merge", "ours theirs", m__bin=A | {"one": "mean of both"})
    made.commit("after", "merge", m__bin=A | {"one": "mean of both"}, other=b"x")
    assert subjects(blame_of("after")) == {"one": "merge", "two": "base", "three": "base"}


def test_a_merge_that_took_a_side_leads_to_that_side(made: History) -> None:
    made.commit("base", m__bin=A)
    made.commit("ours", "base", m__bin=A, other=b"x")
    made.commit("theirs", "base", m__bin=B)
    made.commit("merge", "ours theirs", m__bin=B, other=b"x")
    assert subjects(blame_of("merge")) == {"one": "theirs", "two": "base", "three": "base"}


def test_a_file_that_was_a_folder(made: History) -> None:
    made.commit("a", **{"m__bin/x": A})
    made.commit("b", "a", m__bin=A)
    made.commit("c", "b", m__bin=B)
    assert [revision.commit.subject for revision in revisions_of("c")][:2] == ["c", "b"]
    assert subjects(blame_of("c"))["two"] in "ab"
    assert revisions_of("a") == []


def test_a_path_with_control_characters(made: History, repo: Repo) -> None:
    name = 'a\n"b"\t:é *.bin'
    for text in (A, B):
        repo.write(name, manifest_of(text))
        repo.commit(f"\x01 {text['one']}")
    assert [revision.commit.subject for revision in revisions_of("HEAD", name)] == ["\x01 1b", "\x01 1"]
    assert subjects(blame_of("HEAD", name)) == {"one": "\x01 1b", "two": "\x01 1", "three": "\x01 1"}
