from __future__ import annotations

from git_theta.model.manifest_text import is_manifest
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A


def test_a_checkpoint_becomes_the_manifest_of_the_index(repo: Repo) -> None:
    repo.write(NAME, A)
    repo.commit()
    text = repo.run_theta("clean", NAME, stdin=A).stdout
    assert text == repo.git("cat-file", "-p", f":{NAME}")


def test_a_manifest_passes_through(repo: Repo) -> None:
    text = repo.run_theta("clean", stdin=A).stdout
    assert is_manifest(text.encode())
    assert repo.run_theta("clean", NAME, stdin=text.encode()).stdout == text
