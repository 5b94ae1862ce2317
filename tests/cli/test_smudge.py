from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A


def smudge(repo: Repo, data: bytes) -> bytes:
    command = [sys.executable, "-m", "git_theta", "smudge", NAME]
    return subprocess.run(command, cwd=repo.path, input=data, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture
def manifest(repo: Repo) -> bytes:
    repo.write(NAME, A)
    repo.commit()
    return repo.git("cat-file", "-p", f":{NAME}").encode()


def test_a_manifest_becomes_the_checkpoint(repo: Repo, manifest: bytes) -> None:
    assert smudge(repo, manifest) == A


@pytest.mark.parametrize("data", [b"", b"no manifest", A])
def test_other_bytes_pass_through(repo: Repo, data: bytes) -> None:
    assert smudge(repo, data) == data


def test_a_lazy_clone_keeps_the_manifest(repo: Repo, manifest: bytes) -> None:
    repo.git("config", "theta.fetch", "lazy")
    for path in repo.objects:
        path.unlink()
    assert smudge(repo, manifest) == manifest
