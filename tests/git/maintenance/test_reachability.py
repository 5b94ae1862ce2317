from __future__ import annotations

import json

from git_theta.git.maintenance.manifest_index import ManifestIndex
from git_theta.git.maintenance.reachability import NeededObjects, find_needed_objects
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.needed_objects import OID, needed, write_manifest
from tests.helpers.repo import Repo

OLD, NEW = 1_000_000_000, 1_100_000_000


def needed_now(repo: Repo, remote: str = "", recent_since: float = 2e9) -> NeededObjects:
    git = Git(repo.path)
    return find_needed_objects(ManifestIndex(git), Repository(git).common_dir, remote, recent_since)


def test_before_the_first_commit(repo: Repo) -> None:
    assert needed_now(repo, "origin") == needed()


def test_an_unreachable_manifest(repo: Repo) -> None:
    write_manifest(repo)
    seen = needed_now(repo)
    assert (seen.named, seen.unpushed, seen.complete) == ({OID}, frozenset(), True)


def test_invalid_manifests_count(repo: Repo) -> None:
    blob = write_manifest(repo, "git-theta manifest 1\n<<<<<<< HEAD\n")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},m.safetensors")
    seen = needed_now(repo)
    assert seen.in_use == seen.unpushed == {OID}
    assert seen.complete
    write_manifest(repo, "git-theta manifest 2\n")
    assert not needed_now(repo).complete


def commit(repo: Repo, oid: str, *parents: str, date: int = OLD) -> str:
    """A commit with a manifest that names an object, on no branch."""
    blob = write_manifest(repo, oid=oid)
    tree = repo.run("git", "mktree", stdin=f"100644 blob {blob}\tm.safetensors\n".encode()).stdout.strip()
    options = [part for parent in parents for part in ("-p", parent)]
    dates = {"GIT_AUTHOR_DATE": f"{date} +0000", "GIT_COMMITTER_DATE": f"{date} +0000"}
    return repo.git("commit-tree", "-m", "x", *options, tree, env=dates).strip()


def names(count: int) -> list[str]:
    return [f"{i:064x}" for i in range(1, count + 1)]


def test_commits_of_unfinished_commands_are_in_use(repo: Repo) -> None:
    oids = names(5)
    commits = [commit(repo, oid) for oid in oids]
    folder = repo.path / ".git"
    (folder / "MERGE_HEAD").write_text(f"{commits[0]}\n{commits[1]}\n")
    (folder / "rebase-merge").mkdir()
    (folder / "rebase-merge" / "git-rebase-todo").write_text(f"pick {commits[2][:10]} subject\n")
    (folder / "FETCH_HEAD").write_text(
        f"{commits[3]}\t\tbranch 'a' of x\n{commits[4]}\tnot-for-merge\tbranch 'b' of x\n"
    )
    assert needed_now(repo).in_use == set(oids[:4])


def test_objects_of_a_conflict_are_in_use(repo: Repo) -> None:
    folder = repo.path / ".git" / "theta" / "conflicts"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text(json.dumps({"object": OID}))
    assert needed_now(repo).in_use == {OID}


def test_commits_and_moves_of_branches_are_recent(repo: Repo) -> None:
    old, new, moved = names(3)
    first = commit(repo, old, date=OLD)
    second = commit(repo, new, first, date=NEW)
    repo.git("update-ref", "refs/heads/x", second, env={"GIT_COMMITTER_DATE": f"{OLD} +0000"})
    third = commit(repo, moved, date=OLD)
    for date, target in ((NEW, third), (OLD, first)):
        moment = {"GIT_COMMITTER_DATE": f"{date} +0000"}
        repo.git("update-ref", "--create-reflog", "refs/heads/y", target, env=moment)
    assert needed_now(repo, recent_since=NEW - 1).recent == {new, moved}


def test_versions_on_the_remotes_branches_are_pushed(repo: Repo) -> None:
    old, tip, ahead, other = names(4)
    first = commit(repo, old)
    second = commit(repo, tip, first)
    third = commit(repo, ahead, second)
    # An unpushed commit that goes back to an old version.
    fourth = commit(repo, old, third)
    repo.git("update-ref", "refs/remotes/origin/main", second)
    repo.git("update-ref", "refs/remotes/origin2/main", commit(repo, other))
    repo.git("update-ref", "refs/tags/x", fourth)
    seen = needed_now(repo, "origin")
    assert seen.pushed == {old, tip}
    assert seen.unpushed == {ahead, other, old}
    assert needed_now(repo).unpushed == set(names(4))
