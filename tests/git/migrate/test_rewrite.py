from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from git_theta.git.migrate.commit_history import CommitHistory, read_history
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.migrate.pack_writer import PackWriter
from git_theta.git.migrate.plan import MigrationPlan, make_plan
from git_theta.git.migrate.rewrite import Rewriter
from git_theta.git.migrate.selection import MigrationGoal, Selection
from git_theta.git.plumbing.command import Git
from tests.helpers.repo import Repo

SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"


@pytest.fixture
def history_repo(empty: Repo) -> Repo:
    """Three commits: only the first two change `model.bin`."""
    for number in (1, 2):
        empty.write("models/model.bin", b"version %d" % number)
        empty.commit(f"model {number}")
    empty.write("notes.txt", b"notes")
    empty.commit("notes")
    return empty


@contextmanager
def planned(repo: Repo) -> Iterator[tuple[CommitHistory, MigrationPlan]]:
    """The history of HEAD, and the plan to import `*.bin`."""
    git, goal = Git(repo.path), MigrationGoal("theta", include=("*.bin",))
    with (
        TemporaryDirectory() as folder,
        GitObjects(repo.path) as objects,
        closing(Selection(git, objects, goal, Path(folder))) as selection,
    ):
        history = read_history(git, objects, [repo.git("rev-parse", "HEAD").strip()], ancestors=True)
        yield history, make_plan(history, selection)


def test_each_version_is_planned_once_after_its_parent(history_repo: Repo) -> None:
    with planned(history_repo) as (history, plan):
        first, second = (history_repo.git("rev-parse", f"HEAD~{n}:models/model.bin").strip() for n in (2, 1))
        assert [(blob.oid, blob.before) for blob in plan.blobs] == [(first, ""), (second, first)]
        assert plan.paths == {oid: {b"models/model.bin"} for oid in (first, second)}
        assert plan.selections.keys() == {commit.oid for commit in history.commits}


def test_commits_are_rewritten_with_converted_files(history_repo: Repo) -> None:
    git = Git(history_repo.path)
    head = history_repo.git("rev-parse", "HEAD").strip()
    history_repo.git("tag", "-a", "-m", f"a tag\n\n{SIGNATURE}", "v1")
    tag = history_repo.git("rev-parse", "v1").strip()
    hash_name = git.line("rev-parse", "--show-object-format")
    with planned(history_repo) as (history, plan), (history_repo.path / ".git" / "new").open("w+b") as file:
        pack = PackWriter(file, hash_name)
        new = {blob.oid: pack.add("blob", b"converted " + blob.oid.encode()) for blob in plan.blobs}
        rewriter = Rewriter(history, pack, new)
        for commit in history.commits:
            rewriter.commit(commit, plan.selections[commit.oid])
        new_head, new_tag = rewriter.ref(head), rewriter.ref(tag)
        pack.install(git)
    assert rewriter.commits[head] == new_head
    assert len(rewriter.commits) == 3
    assert history_repo.git("log", "--format=%s", new_head) == "notes\nmodel 2\nmodel 1\n"
    assert history_repo.git("show", f"{new_head}:models/model.bin") == f"converted {plan.blobs[1].oid}"
    assert history_repo.git("show", f"{new_head}~2:models/model.bin") == f"converted {plan.blobs[0].oid}"
    assert "filter=theta" in history_repo.git("show", f"{new_head}~2:.gitattributes")
    assert history_repo.git("show", f"{new_head}:notes.txt") == "notes"
    assert history_repo.git("rev-parse", f"{new_tag}^{{commit}}").strip() == new_head
    assert rewriter.signatures == 1
    assert "SIGNATURE" not in history_repo.git("cat-file", "tag", new_tag)
    history_repo.git("fsck", "--strict")


def test_commits_that_do_not_change_keep_their_ids(empty: Repo) -> None:
    empty.write("notes.txt", b"notes")
    commit = empty.commit()
    with planned(empty) as (history, plan), (empty.path / ".git" / "new").open("w+b") as file:
        rewriter = Rewriter(history, PackWriter(file, "sha1"), {})
        assert rewriter.commit(history.commits[0], plan.selections[commit]) == commit
        assert rewriter.ref(commit) == commit
    assert (rewriter.commits, rewriter.signatures) == ({}, 0)
