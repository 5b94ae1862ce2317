"""The table of alternative sources: written, read again, and damaged by others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import (
    FORMAT,
    REF,
    SourceTable,
    commit_table,
    is_source_table,
    load_sources,
    may_have_table,
    move_ref,
    read_table,
    table_parts,
)
from git_theta.model.layout import Layout
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from tests.helpers.repo import Repo

LAYOUT = Entry("layout", TensorSpec("U8", (3,)), "1" * 64, Source("dense", ObjectRef("2" * 64)))


def entry(digit: str, name: str = "w") -> Entry:
    return Entry(name, TensorSpec("F32", (2, 3)), digit * 64, Source("dense", ObjectRef(digit * 64, 0, 9)))


def commit(git: Git, entries: Sequence[Entry], parents: Sequence[str] = ()) -> str:
    parts = [Manifest(FORMAT, layout.size, LAYOUT, part) for layout, part in table_parts(entries)]
    return commit_table(git, parts, parents, "Choose other sources")


@pytest.fixture
def git(repo: Repo) -> Git:
    return Git(repo.path)


def test_a_table_is_read_again(git: Git) -> None:
    assert read_table(git) == SourceTable()
    made = commit(git, [entry("b"), entry("a")])
    assert move_ref(git, made, "")
    table = read_table(git)
    assert table.commit == made
    assert table.entries == {d * 64: entry(d, d * 64) for d in "ab"}
    assert load_sources(git) == {d * 64: entry(d).source for d in "ab"}


def test_a_part_has_the_layout_of_its_values_in_a_row() -> None:
    ((layout, part),) = table_parts([entry("b"), entry("a"), entry("a", "tied")])
    assert [each.name for each in part] == ["a" * 64, "b" * 64]
    assert isinstance(layout, Layout)
    assert [(place.name[0], place.offset) for place in layout.placements] == [("a", 0), ("b", 24)]
    assert layout.size == 48


def test_of_two_commands_at_once_one_is_told(git: Git) -> None:
    first, second = commit(git, [entry("a")]), commit(git, [entry("b")])
    assert move_ref(git, first, "")
    assert not move_ref(git, second, "")
    assert move_ref(git, second, first)
    assert not move_ref(git, first, first)
    assert read_table(git).commit == second


def test_a_repository_tells_quickly_whether_it_may_have_a_table(repo: Repo, git: Git) -> None:
    repository = Repository(git)
    assert not may_have_table(repository.common_dir)
    move_ref(git, commit(git, [entry("a")]), "")
    assert may_have_table(repository.common_dir)
    repo.git("pack-refs", "--all")
    assert may_have_table(repository.common_dir)
    assert repository.store.alternatives.get("a" * 64) == entry("a").source
    repo.git("update-ref", "-d", REF)
    assert not may_have_table(repository.common_dir)


@pytest.mark.parametrize("kind", ["no manifest", "damaged", "of a file", "a link", "a folder", "names"])
def test_parts_that_are_not_valid_are_left_out(
    git: Git, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = Manifest(FORMAT, 24, LAYOUT, (entry("a", "a" * 64),)).to_bytes()
    bad = {
        "no manifest": b"hello",
        "damaged": good[:-2],
        "of a file": Manifest("safetensors", 24, LAYOUT, (entry("b", "b" * 64),)).to_bytes(),
        "names": Manifest(FORMAT, 24, LAYOUT, (entry("b", "c" * 64),)).to_bytes(),
    }.get(kind, good)
    oids = [git.run("hash-object", "-w", "--stdin", stdin=data).decode().strip() for data in (good, bad)]
    mode = "120000" if kind == "a link" else "100644"
    lines = f"100644 blob {oids[0]}\t0\n{mode} blob {oids[1]}\t1\n"
    if kind == "a folder":
        tree = git.run("mktree", stdin=lines.encode()).decode().strip()
        lines = f"100644 blob {oids[0]}\t0\n040000 tree {tree}\t1\n"
    tree = git.run("mktree", stdin=lines.encode()).decode().strip()
    git.run("update-ref", REF, git.run("commit-tree", tree, "-m", "x").decode().strip())
    assert load_sources(git) == {"a" * 64: entry("a").source}
    said = capsys.readouterr().err
    assert said.count("isn't used") == (kind in ("no manifest", "damaged", "of a file"))


def test_a_ref_that_is_no_commit_is_no_table(git: Git) -> None:
    blob = git.run("hash-object", "-w", "--stdin", stdin=b"x").decode().strip()
    git.run("update-ref", REF, blob)
    assert read_table(git) == SourceTable()
    assert is_source_table(Manifest(FORMAT, 0, LAYOUT, ()))
