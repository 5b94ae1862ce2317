from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from git_theta.errors import UsageError
from git_theta.git.migrate.commit_history import read_history
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.migrate.selection import MigrationGoal, Selection, TreeSelection
from git_theta.git.plumbing.command import Git
from tests.helpers.repo import Repo

LFS = "filter=lfs diff=lfs merge=lfs -text"
THETA = "filter=theta diff=theta merge=theta -text"


@contextmanager
def selected(repo: Repo, goal: MigrationGoal, *, active: bool = True) -> Iterator[TreeSelection]:
    """The selection in the tree of HEAD."""
    git = Git(repo.path)
    with (
        TemporaryDirectory() as folder,
        GitObjects(repo.path) as objects,
        closing(Selection(git, objects, goal, Path(folder))) as selection,
    ):
        history = read_history(git, objects, [repo.git("rev-parse", "HEAD").strip()], ancestors=False)
        yield selection.of_tree(history.attribute_files(history.commits[0].tree), active=active)


def chosen(selection: TreeSelection, paths: Sequence[str]) -> list[str]:
    return [path for path in paths if selection.concerns(path.encode())]


@pytest.fixture
def lfs(empty: Repo) -> Repo:
    """A repository with patterns of git-lfs in two folders."""
    empty.write(".gitattributes", f"*.bin {LFS}\n*.png {LFS}\n".encode())
    empty.write("old/.gitattributes", b"*.bin -filter\n")
    empty.commit()
    return empty


PATHS = ("a.bin", "models/a.bin", "old/a.bin", "a.png", "a.txt")


def test_chosen_patterns_of_git_lfs_are_imported(lfs: Repo) -> None:
    with selected(lfs, MigrationGoal("theta", chosen=[("", "*.bin")])) as selection:
        assert chosen(selection, PATHS) == ["a.bin", "models/a.bin"]
        assert selection.edits.keys() == {""}
        blob = lfs.git("show", selection.edits[""] or "")
    assert blob == f"*.bin {THETA}\n*.png {LFS}\n"


def test_included_patterns_are_imported_where_the_tree_is_active(lfs: Repo) -> None:
    goal = MigrationGoal("theta", include=("*.txt",))
    with selected(lfs, goal) as selection:
        assert chosen(selection, PATHS) == ["a.txt"]
    with selected(lfs, goal, active=False) as selection:
        assert selection.edits == {}


def test_everything_of_git_theta_is_exported(empty: Repo) -> None:
    empty.write(".gitattributes", f"*.bin {THETA}\n".encode())
    empty.commit()
    with selected(empty, MigrationGoal("plain")) as selection:
        assert chosen(selection, PATHS) == ["a.bin", "models/a.bin", "old/a.bin"]
        assert selection.edits == {"": None}


def test_a_file_that_another_line_gives_away_is_refused(lfs: Repo) -> None:
    lfs.write("old/.gitattributes", b"*.b* filter=other\n")
    lfs.commit()
    goal = MigrationGoal("theta", include=("o*/a.bin",))
    with selected(lfs, goal) as selection, pytest.raises(UsageError, match="would still give it to 'other'"):
        selection.concerns(b"old/a.bin")


def test_patterns_that_git_does_not_know_are_refused(empty: Repo, tmp_path: Path) -> None:
    with GitObjects(empty.path) as objects, pytest.raises(UsageError):
        Selection(Git(empty.path), objects, MigrationGoal("theta", include=("!*.bin",)), tmp_path)
