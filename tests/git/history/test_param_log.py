from __future__ import annotations

from tests.helpers.file_histories import A, B, C, blame_of, changes_of, subjects
from tests.helpers.histories import History, manifest_of


def test_changes_of_each_commit(made: History) -> None:
    made.commit("a", m__bin=A)
    made.commit("b", "a", m__bin={"one": "1b", "two": "2", "renamed": "3", "four": "4"})
    made.commit("c", "b", m__bin=manifest_of({"two": "2"}, layout="another"))
    third, second, first = changes_of("c")
    assert first.diff
    assert (len(first.diff.added), first.total, first.nbytes, first.stored) == (3, 3, 240, 280)
    assert second.diff
    assert [new.name for _, new in second.diff.changed] == ["one"]
    assert [entry.name for entry in second.diff.appeared] == ["four"]
    assert [(old.name, new.name) for old, new in second.diff.renamed] == [("three", "renamed")]
    assert (second.total, second.nbytes, second.stored) == (4, 160, 140)
    assert third.diff
    assert (len(third.diff.vanished), third.diff.layout, third.nbytes, third.stored) == (3, True, 0, 70)
    assert [change.revision.commit.subject for change in changes_of("c", "m.bin", "one")] == ["c", "b", "a"]
    assert [change.stored for change in changes_of("c", "m.bin", "one")] == [0, 70, 70]
    assert [change.revision.commit.subject for change in changes_of("c", "m.bin", "two")] == ["a"]


def test_a_merge_counts_for_changes_from_other_parents(made: History) -> None:
    made.commit("base", m__bin=A)
    made.commit("ours", "base", m__bin=B)
    made.commit("theirs", "base", m__bin=C)
    made.commit("merge", "ours theirs", m__bin=B | {"two": "2c"})
    found = changes_of("merge")
    assert [change.revision.commit.subject for change in found] == ["merge", "ours", "base"]
    assert found[0].diff
    assert [new.name for _, new in found[0].diff.changed] == ["two"]
    assert subjects(blame_of("merge")) == {"one": "ours", "two": "theirs", "three": "base"}


def test_versions_that_are_no_valid_manifests_are_passed_over(made: History) -> None:
    text = manifest_of(B)
    made.commit("whole", m__bin=b"a whole file")
    made.commit("a", "whole", m__bin=A)
    made.commit("marked", "a", m__bin=text.replace(b"\none", b"\n<<<<<<< ours\none"))
    made.commit("damaged", "marked", m__bin=text.replace(b"F32", b"F33"))
    made.commit("whole-again", "damaged", m__bin=b"a whole file")
    made.commit("b", "whole-again", m__bin=B)
    found = changes_of("b")
    assert [change.revision.commit.subject for change in found] == [
        *("b", "whole-again", "damaged", "marked", "a", "whole")
    ]
    assert found[0].diff
    assert [new.name for _, new in found[0].diff.changed] == ["one"]
    assert found[0].note == "in Git as a whole file"
    assert [bool(change.diff) for change in found] == [True, False, False, False, True, False]
    assert "F33" in found[2].note
    assert "conflict markers" in found[3].note
    assert found[4].diff
    assert len(found[4].diff.added) == 3
    blame = blame_of("b")
    assert subjects(blame) == {"one": "b", "two": "a", "three": "a"}
    assert len(blame.skipped) == 4
