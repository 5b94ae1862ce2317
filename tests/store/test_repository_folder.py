from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from git_theta.store.repository_folder import (
    in_repository,
    objects_folder,
    own_shared_mode,
    shared_mode,
)


def test_repositories_have_a_folder_for_objects(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "bare.git"], check=True)
    subprocess.run(["git", "init", "-q", tmp_path / "work"], check=True)
    assert objects_folder(tmp_path / "bare.git") == tmp_path / "bare.git/theta"
    assert objects_folder(tmp_path / "bare") == tmp_path / "bare.git/theta"
    assert objects_folder(tmp_path / "work") == tmp_path / "work/.git/theta"
    assert objects_folder(tmp_path) == tmp_path
    assert in_repository(tmp_path / "bare.git/theta")
    assert not in_repository(tmp_path)


def test_a_linked_work_tree_has_the_folder_of_its_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path / "work"], check=True)
    git = ["git", "-C", str(tmp_path / "work"), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "linked")], check=True)
    assert objects_folder(tmp_path / "linked").resolve() == (tmp_path / "work/.git/theta").resolve()


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("group", 0o660),
        ("TRUE", 0o660),
        ("yes", 0o660),
        ("all", 0o664),
        ("0640", 0o640),
        ("umask", None),
        ("", None),
    ],
)
def test_modes_of_shared_repositories(value: str, mode: int | None) -> None:
    assert shared_mode(value) == mode


@pytest.mark.parametrize(("value", "mode"), [("group", 0o660), ("0640", 0o640), ("false", None)])
def test_the_setting_of_a_repository(tmp_path: Path, value: str, mode: int | None) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "bare.git"], check=True)
    folder = tmp_path / "bare.git" / "theta"
    assert own_shared_mode(folder) is None
    subprocess.run(["git", "-C", tmp_path / "bare.git", "config", "core.sharedRepository", value], check=True)
    assert own_shared_mode(folder) == mode


def test_a_setting_without_a_value(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[core]\n\tsharedRepository\n")
    assert own_shared_mode(tmp_path / "theta") == 0o660
    assert own_shared_mode(tmp_path / "elsewhere" / "theta") is None
