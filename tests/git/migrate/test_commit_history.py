from __future__ import annotations

from git_theta.git.migrate.commit_history import read_history
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.plumbing.command import Git
from tests.helpers.repo import Repo


def test_commits_come_after_their_parents_with_their_attributes_files(empty: Repo) -> None:
    empty.write("a/model.bin", b"1")
    empty.write(".gitattributes", b"*.bin -text\n")
    first = empty.commit()
    empty.write("a/b/.gitattributes", b"*.bin -diff\n")
    second = empty.commit()
    with GitObjects(empty.path) as objects:
        history = read_history(Git(empty.path), objects, [second], ancestors=True)
        assert [(commit.oid, commit.parents) for commit in history.commits] == [
            (first, ()),
            (second, (first,)),
        ]
        top = empty.git("rev-parse", "HEAD:.gitattributes").strip()
        inner = empty.git("rev-parse", "HEAD:a/b/.gitattributes").strip()
        assert history.attribute_files(history.trees[first]) == (("", top),)
        assert history.attribute_files(history.trees[second]) == (("", top), ("a/b", inner))
        paths = [path for path, _ in history.all_files()]
        assert set(paths) == {b".gitattributes", b"a/model.bin", b"a/b/.gitattributes"}


def test_a_commit_alone_has_no_parents(empty: Repo) -> None:
    empty.write("a", b"1")
    empty.commit()
    empty.write("a", b"2")
    second = empty.commit()
    with GitObjects(empty.path) as objects:
        (commit,) = read_history(Git(empty.path), objects, [second], ancestors=False).commits
    assert (commit.oid, commit.parents) == (second, ())
