from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.git.drivers.merge import run_merge_driver
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.conflict_records import read_record
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.model_files import NAME
from tests.helpers.repo import Repo


def model(bias: float, weight: float) -> bytes:
    return safetensors_bytes({"bias": np.full(8, bias, "f4"), "weight": np.full(512, weight, "f4")})


@pytest.fixture
def files(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths for the manifests of base, ours and theirs; the repository is the current folder."""
    monkeypatch.chdir(repo.path)
    return [str(tmp_path / name) for name in ("base", "ours", "theirs")]


def write(repo: Repo, files: list[str], *versions: bytes) -> None:
    for path, data in zip(files, versions, strict=True):
        repo.write(NAME, data)
        repo.git("add", NAME)
        Path(path).write_text(repo.git("show", f":{NAME}") if data else "")


def test_changes_of_both_sides_are_combined(repo: Repo, files: list[str]) -> None:
    write(repo, files, model(0, 0), model(1, 0), model(0, 2))
    ours, theirs = (parse_manifest(Path(path).read_bytes()).by_name for path in files[1:])
    assert run_merge_driver([*files, NAME]) == 0
    merged = parse_manifest(Path(files[1]).read_bytes()).by_name
    assert merged["bias"].digest == ours["bias"].digest
    assert merged["weight"].digest == theirs["weight"].digest


def test_a_conflict_leaves_ours_and_a_record_of_a_merge_into_the_index(
    repo: Repo, files: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    removed = safetensors_bytes({"weight": np.zeros(512, "f4")})
    write(repo, files, model(0, 0), model(1, 0), removed)
    before = Path(files[1]).read_bytes()
    assert run_merge_driver([*files, NAME]) == 1
    assert read_record(Repository(Git(repo.path)), NAME) is None
    # Git holds the lock while it merges for the index.
    (repo.path / ".git" / "index.lock").touch()
    assert run_merge_driver([*files, NAME]) == 1
    assert Path(files[1]).read_bytes() == before
    record = read_record(Repository(Git(repo.path)), NAME)
    assert record is not None
    assert [conflict.name for conflict in record.conflicts] == ["bias"]
    assert "bias" in capfd.readouterr().err


def test_a_conflict_that_cannot_be_recorded_is_one_all_the_same(
    repo: Repo, files: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    write(repo, files, model(0, 0), model(1, 0), safetensors_bytes({"weight": np.zeros(512, "f4")}))
    before = Path(files[1]).read_bytes()
    (repo.path / ".git" / "index.lock").touch()
    monkeypatch.setattr("os.fsync", full)
    assert run_merge_driver([*files, NAME]) == 1
    assert Path(files[1]).read_bytes() == before
    told = capfd.readouterr().err
    assert "the conflicts can't be recorded (No space left on device)" in told
    assert "bias" in told
    assert not list((repo.path / ".git" / "theta" / "conflicts").iterdir())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [(b"git-theta manifest 1\n", "isn't a valid manifest"), (b"", "empty on one side")],
)
def test_a_side_that_cannot_be_read_fails(
    repo: Repo, files: list[str], capfd: pytest.CaptureFixture[str], text: bytes, complaint: str
) -> None:
    write(repo, files, model(0, 0), model(1, 0), model(2, 0))
    Path(files[2]).write_bytes(text)
    assert run_merge_driver([*files, NAME]) == 1
    assert complaint in capfd.readouterr().err


def test_unusual_arguments_fail(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_merge_driver(["base"]) == 1
    assert "unusual arguments" in capfd.readouterr().err
