from __future__ import annotations

from tests.helpers.file_histories import A, B, C, blame_of, revisions_of, subjects
from tests.helpers.histories import History


def test_renames_are_followed(made: History) -> None:
    made.commit("a", old__bin=A)
    made.commit("b", "a", old__bin=B)
    made.commit("c", "b", m__bin=B | {"two": "2c"})
    made.commit("d", "c", m__bin=B | {"two": "2c", "three": "3d"})
    assert [
        (revision.commit.subject, revision.old_path, revision.path) for revision in revisions_of("d")
    ] == [
        ("d", "m.bin", "m.bin"),
        ("c", "old.bin", "m.bin"),
        ("b", "old.bin", "old.bin"),
        ("a", "old.bin", "old.bin"),
    ]
    blamed = blame_of("d")
    assert subjects(blamed) == {"one": "b", "two": "c", "three": "d"}
    assert [origin.path for origin in blamed.origins] == ["old.bin", "m.bin", "m.bin"]


def test_a_file_renamed_and_retrained_is_found_by_its_parameters(made: History) -> None:
    many = {f"p{index}": f"{index}" for index in range(20)}
    other = {f"q{index}": f"{index}" for index in range(20)}
    made.commit("a", a__bin=many, b__bin=other)
    made.commit("b", "a", m__bin={name: value + "new" for name, value in many.items()})
    made.commit("c", "b", m__bin=dict.fromkeys(many, "c"), n__bin={"p1": "x"})
    assert [revision.old_path for revision in revisions_of("b")] == ["a.bin", "a.bin"]
    assert [revision.old_path for revision in revisions_of("c", "n.bin")] == ["n.bin"]


def test_a_rename_on_one_side_of_a_merge(made: History) -> None:
    made.commit("base", old__bin=A)
    made.commit("ours", "base", m__bin=B)
    made.commit("theirs", "base", old__bin=C)
    made.commit("merge", "ours theirs", m__bin=B | {"two": "2c"})
    found = blame_of("merge")
    assert subjects(found) == {"one": "ours", "two": "theirs", "three": "base"}
    made.commit("other", "theirs ours", m__bin=B | {"two": "2c"})
    assert subjects(blame_of("other")) == subjects(found)


def test_a_file_that_is_renamed_back(made: History) -> None:
    made.commit("a", m__bin=A)
    made.commit("b", "a", n__bin=B)
    made.commit("c", "b", m__bin=B | {"two": "2c"})
    assert [revision.commit.subject for revision in revisions_of("c")] == ["c", "b", "a"]
    assert subjects(blame_of("c")) == {"one": "b", "two": "c", "three": "a"}
