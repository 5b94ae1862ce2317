from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.clean import Cleaner
from git_theta.errors import UsageError
from git_theta.git.merge.side_files import SideFiles
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.model.tensor import TensorSpec
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.commits import Commits

FISHER = {"w": np.arange(3, dtype="f4")}


@pytest.fixture
def repository(git: Git) -> Repository:
    return Repository(git)


def read(files: SideFiles, path: str, name: str = "w") -> tuple[TensorSpec, bytes]:
    spec, value = files(path, name)
    return spec, b"".join(map(bytes, value(spec.nbytes)))


def test_a_file_of_the_work_tree_is_read(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "fisher.pt").write_bytes(safetensors_bytes(FISHER))
    assert read(SideFiles(repository), "fisher.pt") == (TensorSpec("F32", (3,)), FISHER["w"].tobytes())


def test_a_manifest_is_read_from_the_store(repository: Repository, tmp_path: Path) -> None:
    manifest = Cleaner(repository.store).clean(memoryview(safetensors_bytes(FISHER))).manifest
    (tmp_path / "fisher.pt").write_bytes(manifest.to_bytes())
    assert read(SideFiles(repository), "fisher.pt")[1] == FISHER["w"].tobytes()


def test_a_missing_file_is_read_from_head(repository: Repository, git: Git, commit: Commits) -> None:
    manifest = Cleaner(repository.store).clean(memoryview(safetensors_bytes(FISHER))).manifest
    git.run("update-ref", "HEAD", commit({"fisher.pt": manifest.to_bytes().decode()}))
    assert read(SideFiles(repository), "fisher.pt")[1] == FISHER["w"].tobytes()


def test_errors_name_the_file_or_the_parameter(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "fisher.pt").write_bytes(safetensors_bytes(FISHER))
    (tmp_path / "text.pt").write_bytes(b"no checkpoint")
    files = SideFiles(repository)
    with pytest.raises(UsageError, match="has no parameter 'v'"):
        files("fisher.pt", "v")
    with pytest.raises(UsageError, match=r"text\.pt isn't a checkpoint"):
        files("text.pt", "w")
    with pytest.raises(UsageError, match="isn't a file in the work tree"):
        files("missing.pt", "w")
