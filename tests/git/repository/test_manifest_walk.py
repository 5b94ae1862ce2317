"""Which manifests history has, whatever Git shows in the place of its objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing import command
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.ref_updates import RefUpdate, pushed_manifests
from git_theta.git.repository import manifest_walk
from git_theta.git.repository.manifest_walk import (
    ManifestBlob,
    commit_blobs,
    history_manifests,
    note_unreadable,
    object_sizes,
    reachable_manifests,
    removed_manifests,
    revision_manifests,
    tree_objects,
)
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.commits import commit_of_nested_trees
from tests.helpers.repo import Repo

NAME = "m.safetensors"


def model(seed: int) -> bytes:
    return safetensors_bytes({"w": np.random.default_rng(seed).standard_normal((40, 50)).astype("f4")})


@pytest.fixture
def two(repo: Repo) -> Repo:
    """Two commits, each with its own manifest."""
    for seed in (1, 2):
        repo.write(NAME, model(seed))
        repo.commit(f"commit {seed}")
    return repo


def manifest(repo: Repo, rev: str) -> str:
    return repo.git("rev-parse", f"{rev}:{NAME}").strip()


def stored(repo: Repo) -> set[str]:
    return {path.name for path in repo.objects}


def test_a_replaced_commit_and_its_replacement(two: Repo) -> None:
    first, second = manifest(two, "HEAD^"), manifest(two, "HEAD")
    two.git("replace", "HEAD", "HEAD^")
    git = Git(two.path)
    found = history_manifests(git)
    assert found.keys() == {first, second}
    assert object_sizes(found.values()).keys() == stored(two)
    assert second in tree_objects(git, [two.git("rev-parse", "HEAD").strip()])


def test_a_replaced_manifest_is_what_it_was(two: Repo) -> None:
    first, second = manifest(two, "HEAD^"), manifest(two, "HEAD")
    before = history_manifests(Git(two.path))
    two.git("replace", second, first)
    assert history_manifests(Git(two.path)) == before


def test_revisions_by_any_name(two: Repo) -> None:
    first, second = manifest(two, "HEAD^"), manifest(two, "HEAD")
    git = Git(two.path)
    assert history_manifests(git, ["HEAD^{/commit 1}"]).keys() == {first}
    assert history_manifests(git, ["main"]).keys() == {first, second}
    for name in ("--all", "HEAD^..HEAD", "^HEAD", ""):
        with pytest.raises(UsageError, match="isn't a revision"):
            history_manifests(git, [name])


def test_what_is_new_since_others(two: Repo) -> None:
    new, old = two.git("rev-parse", "HEAD", "HEAD^").split()
    git = Git(two.path)
    assert reachable_manifests(git, [new], [old]).keys() == {manifest(two, new)}
    assert reachable_manifests(git, [], [old]) == {}
    assert tree_objects(git, []) == set()
    assert manifest(two, old) not in tree_objects(git, [new])


def test_more_refs_than_a_command_line_has_room_for(two: Repo) -> None:
    new, old = two.git("rev-parse", "HEAD", "HEAD^").split()
    updates = [RefUpdate(new, old, f"refs/heads/b{i}") for i in range(3)]
    gone = [RefUpdate(new, f"{i:040x}", f"refs/heads/c{i}") for i in range(1, 60_000)]
    found = pushed_manifests(Git(two.path), "origin", str(two.path), [*updates, *gone])
    assert found.keys() == {manifest(two, new)}


@pytest.fixture
def unreadable(two: Repo, tmp_path: Path) -> ManifestBlob:
    """A manifest of a version to come, which names an object that's here, another, and a digest."""
    text = two.git("cat-file", "-p", f":{NAME}").replace("git-theta manifest 1", "git-theta manifest 2")
    (tmp_path / "new").write_text(text + "x" + "0" * 64 + "\n")
    oid = two.git("hash-object", "-w", "--no-filters", str(tmp_path / "new")).strip()
    two.git("update-index", "--cacheinfo", f"100644,{oid},{NAME}")
    two.git("commit", "-q", "-m", "from a newer git-theta")
    return history_manifests(Git(two.path))[oid]


def test_objects_of_what_cannot_be_read_count_if_they_are_here(two: Repo, unreadable: ManifestBlob) -> None:
    here = stored(two)
    assert unreadable.manifest is None
    assert object_sizes([unreadable]) == {}
    found = object_sizes([unreadable], here.__contains__)
    assert found
    assert found.keys() <= here
    assert "0" * 64 in unreadable.names


def test_a_push_tells_of_what_cannot_be_read(
    two: Repo, unreadable: ManifestBlob, capfd: pytest.CaptureFixture[str]
) -> None:
    new = two.git("rev-parse", "HEAD").strip()
    pushed_manifests(Git(two.path), "origin", str(two.path), [RefUpdate(new, "", "refs/heads/main")])
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert unreadable.oid in said
    assert "pip install -U git-theta" in said
    two.git("init", "-q", "--bare", "../b")
    two.git("remote", "add", "origin", "../b")
    assert two.theta("push", "origin").count(f"manifest {unreadable.oid} can't be read") == 1
    note_unreadable([])
    assert not capfd.readouterr().err


def test_commits_with_their_new_manifests(two: Repo) -> None:
    name = "folder\nof/a\nmodel"
    two.write(".gitattributes", two.read(".gitattributes") + b"*model filter=theta\n")
    two.write(name, two.read(NAME)[:-1])
    two.git("mv", NAME, "renamed.safetensors")
    two.git("add", "-A")
    two.git("commit", "-q", "--allow-empty-message", "-m", "")
    git = Git(two.path)
    found = commit_blobs(git, history_manifests(git))
    assert [commit.oid for commit in found] == two.git("rev-list", "--reverse", "HEAD").split()
    assert [commit.subject for commit in found] == ["commit 1", "commit 2", ""]
    assert [commit.blobs for commit in found[:2]] == [
        ((NAME, manifest(two, "HEAD~2")),),
        ((NAME, manifest(two, "HEAD^")),),
    ]
    assert [path for path, _ in found[2].blobs] == [name]


def test_trees_of_a_billion_paths_are_read_once(two: Repo) -> None:
    git = Git(two.path)
    blob = manifest(two, "HEAD")
    nested = commit_of_nested_trees(git, blob, two.git("rev-parse", "HEAD^").strip())
    found = commit_blobs(git, [blob], [nested])
    assert [commit.blobs for commit in found] == [(), (("/".join("0" * 30), blob),)]


def test_trees_of_a_billion_paths_are_not_listed(two: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    git = Git(two.path)
    nested = commit_of_nested_trees(git, manifest(two, "HEAD"))
    monkeypatch.setattr(command, "_MAX_LISTING", 1 << 20)
    with pytest.raises(GitError, match="git ls-tree lists more than 1 MiB of files"):
        revision_manifests(git, nested)


def test_manifests_of_one_revision_are_bounded(two: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    two.write("copy.safetensors", two.read(NAME))
    two.commit()
    git = Git(two.path)
    found = revision_manifests(git, "HEAD")
    assert [version.path for version in found] == ["copy.safetensors", NAME]
    assert found[0].manifest is found[1].manifest
    monkeypatch.setattr(manifest_walk, "_MAX_PATHS", 1)
    with pytest.raises(UsageError, match="HEAD has more than 1 checkpoints"):
        revision_manifests(git, "HEAD")


def test_removed_files_are_those_that_only_head_has(two: Repo) -> None:
    git = Git(two.path)
    assert removed_manifests(git) == []
    two.write("b.safetensors", model(3))
    two.write("plain.txt", b"text")
    two.commit()
    two.git("rm", "-q", NAME, "b.safetensors", "plain.txt")
    found = removed_manifests(git)
    assert sorted(version.path for version in found) == ["b.safetensors", NAME]
    assert all(version.manifest for version in found)
    two.git("commit", "-qm", "remove")
    assert removed_manifests(git) == []


def test_without_a_commit_nothing_is_removed(repo: Repo) -> None:
    repo.git("checkout", "-q", "--orphan", "new")
    assert removed_manifests(Git(repo.path)) == []
