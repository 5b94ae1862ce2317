from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.ref_updates import RefUpdate, mirror_deletions, parse_updates
from tests.helpers.repo import Repo

ZERO, ONE, TWO = "0" * 40, "1" * 40, "2" * 40


def test_the_input_of_a_hook() -> None:
    lines = [
        f"refs/heads/main {ONE} refs/heads/main {TWO}\n",
        f"HEAD@{{1 day ago}} {ONE} refs/heads/new {ZERO}\n",
        f"(delete) {ZERO} refs/heads/old {TWO}\n",
        "\n",
    ]
    assert parse_updates(lines) == [
        RefUpdate(ONE, TWO, "refs/heads/main"),
        RefUpdate(ONE, "", "refs/heads/new"),
        RefUpdate("", TWO, "refs/heads/old"),
    ]


def test_invalid_input() -> None:
    with pytest.raises(UsageError, match="isn't what Git tells"):
        parse_updates(["refs/heads/main"])


def test_a_ref_that_a_push_to_a_mirror_deletes(repo: Repo) -> None:
    git, place = Git(repo.path), str(repo.path.parent / "bare.git")
    repo.git("init", "-q", "--bare", place)
    repo.write("a.txt", b"a")
    repo.commit("one")
    repo.git("push", "-q", place, "HEAD:refs/theta/objects")
    head = repo.git("rev-parse", "HEAD").strip()
    repo.git("remote", "add", "origin", place)
    assert mirror_deletions(Git(repo.path), "origin", place, "refs/theta/objects") == []
    repo.git("config", "remote.origin.mirror", "true")
    git = Git(repo.path)
    assert mirror_deletions(git, "origin", place, "refs/theta/objects") == [
        RefUpdate("", head, "refs/theta/objects")
    ]
    assert mirror_deletions(git, "origin", place, "refs/theta/others") == []
    assert mirror_deletions(git, "origin", f"{place}-missing", "refs/theta/objects") == []
    repo.git("update-ref", "refs/theta/objects", head)
    assert mirror_deletions(git, "origin", place, "refs/theta/objects") == []
