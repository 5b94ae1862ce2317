from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import ManifestError, UsageError
from git_theta.git.history.blame import Origins, origins
from git_theta.git.history.file_log import Visit, commits_of, path_from_top, visits
from git_theta.git.history.param_log import Change, changes
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import Manifests
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Manifest, parse, sort_key
from tests.helpers.generators import manifests
from tests.helpers.histories import History, manifest_of
from tests.helpers.repo import Repo

A, B, C = ({"one": "1", "two": "2", "three": "3"} | more for more in ({}, {"one": "1b"}, {"two": "2c"}))


@pytest.fixture
def made(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Iterator[History]:
    monkeypatch.chdir(repo.path)
    return History(repo)


def walk(tip: str, path: str = "m.bin") -> list[Visit]:
    git = Git()
    with Manifests(git) as manifests:
        return list(visits(git, manifests, tip, path))


def told(tip: str, path: str = "m.bin", *names: str) -> list[Change]:
    git = Git()
    with Manifests(git) as manifests:
        history = list(visits(git, manifests, tip, path))
        return list(changes(history, manifests, lambda oid: None, names.__contains__ if names else None))


def blamed(tip: str, path: str = "m.bin") -> Origins:
    repository = Repository(Git())
    with Manifests(repository.git) as manifests:
        manifest = manifests.get(repository.git.line("rev-parse", f"{tip}:{path}"))
        assert manifest
        return origins(repository, manifests, manifest, tip, path, lambda _: True)


def subjects(found: Origins) -> dict[str, str]:
    return {origin.entry.name: origin.record.subject for origin in found.found}


def test_commits_that_touched_the_file_newest_first(made: History) -> None:
    first = made.commit("a", m__bin=A)
    made.commit("b", "a", m__bin=A, other=b"x")
    made.commit("c", "b", m__bin=B, other=b"x")
    made.commit("d", "c", other=b"x")
    found = walk("d")
    assert [visit.record.subject for visit in found] == ["d", "c", "a"]
    assert [(bool(visit.old), bool(visit.new)) for visit in found] == [
        (True, False),
        (True, True),
        (False, True),
    ]
    record = found[-1].record
    assert (record.oid, record.parents, record.author, record.email) == (first, (), "Ada", "ada@example.com")
    assert record.date == "2023-11-14T23:14:20+01:00"
    assert walk("d", "never.bin") == []


def test_what_commits_did(made: History) -> None:
    made.commit("a", m__bin=A)
    made.commit("b", "a", m__bin={"one": "1b", "two": "2", "renamed": "3", "four": "4"})
    made.commit("c", "b", m__bin=manifest_of({"two": "2"}, layout="another"))
    third, second, first = told("c")
    assert first.diff
    assert (len(first.diff.added), first.total, first.nbytes, first.stored) == (3, 3, 240, 280)
    assert second.diff
    assert [new.name for _, new in second.diff.changed] == ["one"]
    assert [entry.name for entry in second.diff.appeared] == ["four"]
    assert [(old.name, new.name) for old, new in second.diff.renamed] == [("three", "renamed")]
    assert (second.total, second.nbytes, second.stored) == (4, 160, 140)
    assert third.diff
    assert (len(third.diff.vanished), third.diff.layout, third.nbytes, third.stored) == (3, True, 0, 70)
    assert [change.visit.record.subject for change in told("c", "m.bin", "one")] == ["c", "b", "a"]
    assert [change.stored for change in told("c", "m.bin", "one")] == [0, 70, 70]
    assert [change.visit.record.subject for change in told("c", "m.bin", "two")] == ["a"]


def test_a_merge_counts_for_what_it_brought(made: History) -> None:
    made.commit("base", m__bin=A)
    made.commit("ours", "base", m__bin=B)
    made.commit("theirs", "base", m__bin=C)
    made.commit("merge", "ours theirs", m__bin=B | {"two": "2c"})
    found = told("merge")
    assert [change.visit.record.subject for change in found] == ["merge", "ours", "base"]
    assert found[0].diff
    assert [new.name for _, new in found[0].diff.changed] == ["two"]
    assert subjects(blamed("merge")) == {"one": "ours", "two": "theirs", "three": "base"}


def test_a_merge_is_blamed_for_what_no_parent_has(made: History) -> None:
    made.commit("base", m__bin=A)
    made.commit("ours", "base", m__bin=B)
    made.commit("theirs", "base", m__bin=A | {"one": "1t"})
    made.commit("merge", "ours theirs", m__bin=A | {"one": "mean of both"})
    made.commit("after", "merge", m__bin=A | {"one": "mean of both"}, other=b"x")
    assert subjects(blamed("after")) == {"one": "merge", "two": "base", "three": "base"}


def test_a_merge_that_took_a_side_leads_to_that_side(made: History) -> None:
    made.commit("base", m__bin=A)
    made.commit("ours", "base", m__bin=A, other=b"x")
    made.commit("theirs", "base", m__bin=B)
    made.commit("merge", "ours theirs", m__bin=B, other=b"x")
    assert subjects(blamed("merge")) == {"one": "theirs", "two": "base", "three": "base"}


def test_renames_are_followed(made: History) -> None:
    made.commit("a", old__bin=A)
    made.commit("b", "a", old__bin=B)
    made.commit("c", "b", m__bin=B | {"two": "2c"})
    made.commit("d", "c", m__bin=B | {"two": "2c", "three": "3d"})
    assert [(visit.record.subject, visit.before, visit.path) for visit in walk("d")] == [
        ("d", "m.bin", "m.bin"),
        ("c", "old.bin", "m.bin"),
        ("b", "old.bin", "old.bin"),
        ("a", "old.bin", "old.bin"),
    ]
    found = blamed("d")
    assert subjects(found) == {"one": "b", "two": "c", "three": "d"}
    assert [origin.path for origin in found.found] == ["old.bin", "m.bin", "m.bin"]


def test_a_file_renamed_and_trained_anew_is_known_by_its_parameters(made: History) -> None:
    many = {f"p{index}": f"{index}" for index in range(20)}
    other = {f"q{index}": f"{index}" for index in range(20)}
    made.commit("a", a__bin=many, b__bin=other)
    made.commit("b", "a", m__bin={name: value + "new" for name, value in many.items()})
    made.commit("c", "b", m__bin=dict.fromkeys(many, "c"), n__bin={"p1": "x"})
    assert [visit.before for visit in walk("b")] == ["a.bin", "a.bin"]
    assert [visit.before for visit in walk("c", "n.bin")] == ["n.bin"]


def test_a_rename_on_one_side_of_a_merge(made: History) -> None:
    made.commit("base", old__bin=A)
    made.commit("ours", "base", m__bin=B)
    made.commit("theirs", "base", old__bin=C)
    made.commit("merge", "ours theirs", m__bin=B | {"two": "2c"})
    found = blamed("merge")
    assert subjects(found) == {"one": "ours", "two": "theirs", "three": "base"}
    made.commit("other", "theirs ours", m__bin=B | {"two": "2c"})
    assert subjects(blamed("other")) == subjects(found)


def test_there_and_back_again(made: History) -> None:
    made.commit("a", m__bin=A)
    made.commit("b", "a", n__bin=B)
    made.commit("c", "b", m__bin=B | {"two": "2c"})
    assert [visit.record.subject for visit in walk("c")] == ["c", "b", "a"]
    assert subjects(blamed("c")) == {"one": "b", "two": "c", "three": "a"}


def test_what_is_no_manifest_is_passed_over(made: History) -> None:
    text = manifest_of(B)
    made.commit("whole", m__bin=b"a whole file")
    made.commit("a", "whole", m__bin=A)
    made.commit("marked", "a", m__bin=text.replace(b"\none", b"\n<<<<<<< ours\none"))
    made.commit("damaged", "marked", m__bin=text.replace(b"F32", b"F33"))
    made.commit("whole-again", "damaged", m__bin=b"a whole file")
    made.commit("b", "whole-again", m__bin=B)
    found = told("b")
    assert [change.visit.record.subject for change in found] == [
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
    blame = blamed("b")
    assert subjects(blame) == {"one": "b", "two": "a", "three": "a"}
    assert len(blame.skipped) == 4


def test_a_file_that_was_a_folder(made: History) -> None:
    made.commit("a", **{"m__bin/x": A})
    made.commit("b", "a", m__bin=A)
    made.commit("c", "b", m__bin=B)
    assert [visit.record.subject for visit in walk("c")][:2] == ["c", "b"]
    assert subjects(blamed("c"))["two"] in "ab"
    assert walk("a") == []


def test_a_name_with_everything(made: History, repo: Repo) -> None:
    name = 'a\n"b"\t:é *.bin'
    for text in (A, B):
        repo.write(name, manifest_of(text))
        repo.commit(f"\x01 {text['one']}")
    assert [visit.record.subject for visit in walk("HEAD", name)] == ["\x01 1b", "\x01 1"]
    assert subjects(blamed("HEAD", name)) == {"one": "\x01 1b", "two": "\x01 1", "three": "\x01 1"}


def test_settings_of_git_log_do_not_matter(made: History, repo: Repo) -> None:
    made.commit("a", old__bin=A)
    made.commit("b", "a", m__bin=B)
    before = walk("b"), blamed("b")
    for key, value in (
        ("log.showSignature", "true"),
        ("log.follow", "true"),
        ("log.date", "relative"),
        ("color.ui", "always"),
        ("diff.relative", "true"),
        ("log.showRoot", "false"),
        ("diff.renames", "copies"),
        ("log.diffMerges", "off"),
        ("i18n.logOutputEncoding", "latin1"),
    ):
        repo.git("config", key, value)
    assert (walk("b"), blamed("b")) == before


def test_ranges(made: History) -> None:
    oids = [made.commit(name, parent, m__bin=A) for name, parent in (("a", ""), ("b", "a"), ("c", "b"))]
    git = Git()
    assert commits_of(git, "c") == ([oids[2]], None)
    assert commits_of(git, "a..c") == ([oids[2]], frozenset(oids[1:]))
    for wrong in ("nothing", "a..nothing", "-x", "--all", "", "m.bin", "a:m.bin"):
        with pytest.raises(UsageError, match="isn't a revision"):
            commits_of(git, wrong)


def test_paths(made: History, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo.path / "deep").mkdir()
    monkeypatch.chdir(repo.path / "deep")
    assert path_from_top(Git(), "m.bin") == "deep/m.bin"
    assert path_from_top(Git(), ".././m.bin") == "m.bin"
    for wrong in ("", "..", "../../m.bin", "/m.bin"):
        with pytest.raises(UsageError, match="isn't a path"):
            path_from_top(Git(), wrong)


@given(st.lists(manifests(), min_size=1, max_size=3), st.data())
def test_versions_are_read_as_each_of_them_alone(versions: list[Manifest], data: st.DataObject) -> None:
    reader = Manifests(Git())
    entries = {entry.name: entry for version in versions for entry in version.entries}
    names = sorted(data.draw(st.sets(st.sampled_from(sorted(entries)))) if entries else (), key=sort_key)
    mixed = replace(versions[0], entries=tuple(entries[name] for name in names))
    for version in (*versions, mixed):
        assert reader._parse(version.to_bytes()) == version
    lines = mixed.to_bytes().split(b"\n")
    index = data.draw(st.integers(0, len(lines) - 1))
    for wrong in (
        [*lines[:index], *lines[index:][::-1]],
        [*lines[: index + 1], *lines[index:]],
        [*lines[:index], lines[index] + b"x", *lines[index + 1 :]],
        lines[:-1],
    ):
        text = b"\n".join(wrong)
        assert outcome(reader._parse, text) == outcome(parse, text)


def outcome(function: Callable[[bytes], Manifest], text: bytes) -> Manifest | str:
    try:
        return function(text)
    except ManifestError as error:
        return error.message


def test_few_manifests_are_kept(made: History, repo: Repo) -> None:
    oids = [
        repo.run("git", "hash-object", "-w", "--stdin", stdin=manifest_of({"a": str(n)})).stdout.strip()
        for n in range(12)
    ]
    with Manifests(Git()) as manifests:
        for oid in [*oids, *oids]:
            assert manifests.get(oid)
        assert len(manifests._kept) < 12
        assert manifests.get("0" * 40) is None
        assert "can't read" in manifests.problem("0" * 40)
