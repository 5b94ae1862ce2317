"""Tables written to the store, and the union of those of two clones."""

from __future__ import annotations

from git_theta.git.plumbing.command import Git
from git_theta.git.repository.new_source_table import merged_entries, write_table
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import move_ref, read_table
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.manifest_text import parse_manifest
from git_theta.model.tensor import TensorSpec
from git_theta.smudge import Smudger
from tests.helpers.repo import Repo


def entry(digest: str, digit: str, size: int | None = 10) -> Entry:
    source = Source("dense", ObjectRef(digit * 64, size=size))
    return Entry(digest * 64, TensorSpec("F32", (2, 3)), digest * 64, source)


def by_digest(*entries: Entry) -> dict[str, Entry]:
    return {each.digest: each for each in entries}


def test_a_table_is_a_manifest_that_every_version_of_the_program_can_check(repo: Repo) -> None:
    git = Git(repo.path)
    repository = Repository(git)
    commit = write_table(repository, [entry("b", "1"), entry("a", "2")], [], "Choose other sources")
    assert move_ref(git, commit, "")
    assert read_table(git).entries == by_digest(entry("a", "2"), entry("b", "1"))
    manifest = parse_manifest(repo.run("git", "show", f"{commit}:000").stdout.encode())
    layout = Smudger(repository.store).layout(manifest)
    assert {place.name for place in layout.placements} == manifest.by_name.keys()
    assert repo.git("log", "-1", "--format=%an <%ae>%n%s", commit).split("\n")[:2] == [
        "git-theta <git-theta>",
        "Choose other sources",
    ]


def test_the_union_has_all_values() -> None:
    ours, theirs = by_digest(entry("a", "1")), by_digest(entry("b", "2"))
    assert merged_entries(ours, theirs, lambda _: True) == ours | theirs


def test_of_two_sources_the_one_that_is_here_stays() -> None:
    ours, theirs = by_digest(entry("a", "1", 10)), by_digest(entry("a", "2", 5))
    assert merged_entries(ours, theirs, {"1" * 64}.__contains__) == ours
    assert merged_entries(ours, theirs, {"2" * 64}.__contains__) == theirs


def test_a_smaller_one_does_not_push_out_ours() -> None:
    ours, theirs = by_digest(entry("a", "1", 10)), by_digest(entry("a", "2", 5))
    assert merged_entries(ours, theirs, lambda _: True) == ours


def test_of_two_that_are_not_here_the_smaller_counts() -> None:
    small, large = by_digest(entry("a", "2", 5)), by_digest(entry("a", "1", 10))
    one, other = by_digest(entry("a", "1")), by_digest(entry("a", "2"))
    for first, second in ((small, large), (one, other)):
        assert merged_entries(first, second, lambda _: False) == first
        assert merged_entries(second, first, lambda _: False) == first
