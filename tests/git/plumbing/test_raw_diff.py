from __future__ import annotations

import os
from dataclasses import replace

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import RawChange, parse_raw_diff, raw_change, raw_changes
from tests.helpers.repo import Repo

A, B, NONE = "a" * 40, "b" * 40, "0" * 40
CHANGED = RawChange("m.pt", "m.pt", "100644", "100755", A, B, "M")


@pytest.mark.parametrize(
    ("raw", "change"),
    [
        (f":100644 100755 {A} {B} M\0m.pt\0", CHANGED),
        (f":000000 100755 {NONE} {B} A\0m.pt\0", replace(CHANGED, old_mode="", old_oid="", status="A")),
        (f":100644 000000 {A} {NONE} D\0m.pt\0", replace(CHANGED, new_mode="", new_oid="", status="D")),
        (f":100644 100755 {A} {NONE} M\0m.pt\0", replace(CHANGED, new_oid="")),
        (f":100644 100755 {A} {B} R087\0m.pt\0n.pt\0", replace(CHANGED, new_path="n.pt", status="R")),
        (f":100644 100755 {A} {B} C100\0m.pt\0n.pt\0", replace(CHANGED, new_path="n.pt", status="C")),
        (f":000000 000000 {NONE} {NONE} U\0m.pt\0", RawChange("m.pt", "m.pt", "", "", "", "", "U")),
    ],
    ids=["modified", "added", "deleted", "in the work tree", "renamed", "copied", "unmerged"],
)
def test_one_change(raw: str, change: RawChange) -> None:
    assert list(parse_raw_diff(raw.encode())) == [change]


def test_several_changes_and_none() -> None:
    one = f":100644 100755 {A} {B} M\0m.pt\0"
    renamed = f":100644 100755 {A} {B} R100\0m.pt\0n.pt\0"
    paths = [change.new_path for change in parse_raw_diff((one + renamed + one).encode())]
    assert paths == ["m.pt", "n.pt", "m.pt"]
    assert list(parse_raw_diff(b"")) == []


@pytest.mark.parametrize("name", [":a", "a b", "tab\t", "line\nbreak", "ünï", os.fsdecode(b"\xff\xfe")])
def test_any_name(name: str) -> None:
    raw = f":100644 100755 {A} {B} M".encode() + b"\0" + os.fsencode(name) + b"\0"
    assert [each.new_path for each in parse_raw_diff(raw)] == [name]


def test_changes_end_at_an_empty_part() -> None:
    """As in `git log -z --raw`: the first change of a commit is on a new line."""
    fields = iter(["\n" + f":100644 100755 {A} {B} M", "m.pt", "", "the next commit"])
    assert list(raw_changes(fields)) == [CHANGED]
    assert next(fields) == "the next commit"


def test_the_paths_of_a_change_are_taken() -> None:
    fields = iter(["m.pt", "n.pt", "rest"])
    assert raw_change(f":100644 100755 {A} {B} R100", fields).new_path == "n.pt"
    assert [*fields] == ["rest"]


def test_what_git_prints(repo: Repo) -> None:
    git = Git(repo.path)
    (repo.path / "a").write_text("one\n" * 20)
    (repo.path / "b").write_text("b")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "first")
    repo.git("mv", "a", "c")
    (repo.path / "b").unlink()
    (repo.path / "d").write_text("d")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "second")
    raw = git.run("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "-M", "HEAD^", "HEAD")
    found = {change.new_path: change for change in parse_raw_diff(raw)}
    assert {path: change.status for path, change in found.items()} == {"b": "D", "c": "R", "d": "A"}
    assert found["c"].old_path == "a"
    assert found["d"].new_oid == git.line("rev-parse", "HEAD:d")
    assert found["b"].old_oid == git.line("rev-parse", "HEAD^:b")
