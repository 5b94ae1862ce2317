"""Which objects go, as sets; `tests/e2e/test_prune.py` has the rest."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from git_theta.errors import ThetaError, UsageError
from git_theta.git.maintenance import prune as module
from git_theta.git.maintenance.prune import (
    Fate,
    Options,
    Stored,
    at_remote,
    decide,
    duration,
    list_objects,
    prune,
)
from git_theta.git.maintenance.reachability import Manifests, Needs, survey
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.store.folder import FolderRemote
from git_theta.store.local import LocalStore
from git_theta.store.remote import Download, RemoteObject, Upload
from tests.helpers.repo import Repo

NONE: frozenset[str] = frozenset()
OID = "ab" * 32
OLD, NEW = 1_000_000_000, 1_100_000_000


def needs(complete: bool = True, **names: str) -> Needs:
    """Objects by what needs them: one letter is one object."""
    groups = ("now", "recent", "unpushed", "pushed", "named")
    return Needs(**{group: frozenset(names.get(group, "")) for group in groups}, complete=complete)


def fates(found: Needs, written: float = 0) -> dict[str, Fate]:
    return decide([Stored(oid, 1, written, False) for oid in "abcdef"], found, grace=100)


def test_the_strongest_reason_counts() -> None:
    found = fates(needs(now="a", unpushed="ab", recent="abc", pushed="abcd", named="abcde"))
    assert list(found.values()) == [
        Fate.IN_USE,
        Fate.UNPUSHED,
        Fate.RECENT,
        Fate.PUSHED,
        Fate.DROPPED,
        Fate.UNNAMED,
    ]


def test_what_nobody_names_stays_while_it_is_new() -> None:
    assert fates(needs(pushed="a"), written=100) == {"a": Fate.PUSHED} | dict.fromkeys(
        "bcdef", Fate.JUST_WRITTEN
    )
    assert set(fates(needs(), written=99.9).values()) == {Fate.UNNAMED}


def test_without_all_of_history_nothing_is_known_to_be_unnamed() -> None:
    assert set(fates(needs(complete=False)).values()) == {Fate.UNKNOWN}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10 days", 864_000),
        ("10", 864_000),
        ("0", 0),
        ("2w", 1_209_600),
        ("36h", 129_600),
        ("1 Hour", 3600),
        ("5 min", 300),
        ("90s", 90),
        ("1 year", 31_536_000),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "days", "1.5d", "10 dogs", "10 dm", "1" * 20])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="duration"):
        duration(text)


class Listing:
    """A remote that has some objects, and counts questions."""

    url, batch_size = "listing", 2

    def __init__(self, names: Sequence[str]) -> None:
        self.names = set(names)
        self.asked: list[int] = []

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        raise AssertionError

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        self.asked.append(len(objects))
        assert all(wanted.size is not None for wanted in objects)
        return {wanted.oid: lambda *_: None for wanted in objects if wanted.oid in self.names}


def test_the_remote_is_asked_in_batches(tmp_path: Path) -> None:
    store, remote = LocalStore(tmp_path / "theta"), Listing("abc")
    assert at_remote(remote, [RemoteObject(oid, 1) for oid in "abcde"], store) == set("abc")
    assert remote.asked == [2, 2, 2]
    assert list_objects(store) == []
    assert at_remote(remote, [], store) == set()


@pytest.mark.parametrize("link", [False, True])
def test_a_remote_that_is_the_store_itself_does_not_count(tmp_path: Path, link: bool) -> None:
    store = LocalStore(tmp_path / "theta")
    oid = store.put([b"one"])
    place = store.root
    if link:
        place = tmp_path / "elsewhere"
        place.mkdir()
        (place / "objects").symlink_to(store.root / "objects")
    with pytest.raises(UsageError, match="own store"):
        at_remote(FolderRemote(place), [RemoteObject(oid, 3)], store)
    assert [item.oid for item in list_objects(store)] == [oid]


def manifest(repo: Repo, text: str = "git-theta manifest 1\n", oid: str = OID) -> str:
    """A blob that claims to be a manifest, and names an object."""
    return repo.run("git", "hash-object", "-w", "--stdin", stdin=f"{text}{oid}\n".encode()).stdout.strip()


def found(repo: Repo, remote: str = "", young: float = 2e9) -> Needs:
    git = Git(repo.path)
    return survey(Manifests(git), Repository(git).common_dir, remote, young)


def test_before_the_first_commit(repo: Repo) -> None:
    assert found(repo, "origin") == needs()


def test_a_manifest_that_nothing_leads_to(repo: Repo) -> None:
    manifest(repo)
    seen = found(repo)
    assert (seen.named, seen.unpushed, seen.complete) == ({OID}, NONE, True)


def test_manifests_that_are_not_valid_count(repo: Repo) -> None:
    blob = manifest(repo, "git-theta manifest 1\n<<<<<<< HEAD\n")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},m.safetensors")
    seen = found(repo)
    assert seen.now == seen.unpushed == {OID}
    assert seen.complete
    manifest(repo, "git-theta manifest 2\n")
    assert not found(repo).complete


def commit(repo: Repo, oid: str, *parents: str, date: int = OLD) -> str:
    """A commit with a manifest that names an object, on no branch."""
    blob = manifest(repo, oid=oid)
    tree = repo.run("git", "mktree", stdin=f"100644 blob {blob}\tm.safetensors\n".encode()).stdout.strip()
    options = [part for parent in parents for part in ("-p", parent)]
    dates = {"GIT_AUTHOR_DATE": f"{date} +0000", "GIT_COMMITTER_DATE": f"{date} +0000"}
    return repo.git("commit-tree", "-m", "x", *options, tree, env=dates).strip()


def names(count: int) -> list[str]:
    return [f"{i:064x}" for i in range(1, count + 1)]


def test_what_is_unfinished_is_in_use(repo: Repo) -> None:
    oids = names(5)
    commits = [commit(repo, oid) for oid in oids]
    folder = repo.path / ".git"
    (folder / "MERGE_HEAD").write_text(f"{commits[0]}\n{commits[1]}\n")
    (folder / "rebase-merge").mkdir()
    (folder / "rebase-merge" / "git-rebase-todo").write_text(f"pick {commits[2][:10]} subject\n")
    (folder / "FETCH_HEAD").write_text(
        f"{commits[3]}\t\tbranch 'a' of x\n{commits[4]}\tnot-for-merge\tbranch 'b' of x\n"
    )
    assert found(repo).now == set(oids[:4])


def test_a_conflict_is_in_use(repo: Repo) -> None:
    folder = repo.path / ".git" / "theta" / "conflicts"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text(json.dumps({"object": OID}))
    assert found(repo).now == {OID}


def test_recent_are_commits_and_moves(repo: Repo) -> None:
    old, new, moved = names(3)
    first = commit(repo, old, date=OLD)
    second = commit(repo, new, first, date=NEW)
    repo.git("update-ref", "refs/heads/x", second, env={"GIT_COMMITTER_DATE": f"{OLD} +0000"})
    third = commit(repo, moved, date=OLD)
    for date, target in ((NEW, third), (OLD, first)):
        moment = {"GIT_COMMITTER_DATE": f"{date} +0000"}
        repo.git("update-ref", "--create-reflog", "refs/heads/y", target, env=moment)
    assert found(repo, young=NEW - 1).recent == {new, moved}


def test_pushed_is_what_the_remotes_branches_have(repo: Repo) -> None:
    old, tip, ahead, other = names(4)
    first = commit(repo, old)
    second = commit(repo, tip, first)
    third = commit(repo, ahead, second)
    # An unpushed commit that goes back to an old version.
    fourth = commit(repo, old, third)
    repo.git("update-ref", "refs/remotes/origin/main", second)
    repo.git("update-ref", "refs/remotes/origin2/main", commit(repo, other))
    repo.git("update-ref", "refs/tags/x", fourth)
    seen = found(repo, "origin")
    assert seen.pushed == {old, tip}
    assert seen.unpushed == {ahead, other, old}
    assert found(repo).unpushed == set(names(4))


@pytest.mark.parametrize("name", ["index.lock", "index.stash.123.lock", "next-index-123.lock"])
def test_a_command_at_work_stops_it(repo: Repo, name: str) -> None:
    repository = Repository(Git(repo.path))
    oid = repository.store.put([b"old"])
    lock = repo.path / ".git" / name
    lock.touch()
    with pytest.raises(ThetaError, match=re.escape(name)):
        prune(repository, Options("", 0, patience=0))
    lock.unlink()
    assert repository.store.has(oid)


def old_object(repository: Repository) -> str:
    oid = repository.store.put([b"old"])
    os.utime(repository.store.path(oid), (0, 0))
    return oid


def test_what_is_added_meanwhile_stays(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(Git(repo.path))
    oid = old_object(repository)
    waits: list[Path] = []

    def add_meanwhile(folder: Path, patience: float) -> None:
        waits.append(folder)
        if len(waits) == 2:
            assert not repository.store.has(oid)
            blob = manifest(repo, oid=oid)
            repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},m.safetensors")

    monkeypatch.setattr(module, "_wait_for_others", add_meanwhile)
    done = prune(repository, Options("", 0))
    assert [fate for _, fate in done.kept] == [Fate.IN_USE]
    assert done.deleted == ()
    repository.store.verify(oid)


def test_what_is_claimed_meanwhile_stays(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(Git(repo.path))
    oid = old_object(repository)

    def claim_meanwhile(*args: Any) -> Needs:
        repository.store.claim(oid)
        return survey(*args)

    monkeypatch.setattr(module, "survey", claim_meanwhile)
    done = prune(repository, Options("", 0))
    assert [fate for _, fate in done.kept] == [Fate.JUST_WRITTEN]
    assert repository.store.has(oid)


def test_what_a_killed_one_left_is_counted(repo: Repo) -> None:
    repository = Repository(Git(repo.path))
    oid = old_object(repository)
    repository.store.aside.mkdir()
    repository.store.path(oid).rename(repository.store.aside / oid)
    assert [item.oid for item, _ in prune(repository, Options("", 0, dry_run=True)).deleted] == [oid]


def test_a_failure_meanwhile_deletes_nothing(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(Git(repo.path))
    oid = old_object(repository)
    waits: list[Path] = []

    def interrupt(folder: Path, patience: float) -> None:
        waits.append(folder)
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_wait_for_others", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prune(repository, Options("", 0))
    assert repository.store.has(oid)
    monkeypatch.undo()
    assert prune(repository, Options("", 0)).unnamed == 1
    assert not repository.store.has(oid)
