from __future__ import annotations

import numpy as np
import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.repository import recent_versions as module
from git_theta.git.repository.recent_versions import recent_versions
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo


def add(repo: Repo, name: str, seed: int) -> str:
    """Commit a model; returns the id of its manifest."""
    values = np.random.default_rng(seed).standard_normal((40, 50)).astype("f4")
    repo.write(name, safetensors_bytes({"w": values}))
    repo.commit(name)
    return repo.git("rev-parse", f"HEAD:{name}").strip()


def found(repo: Repo, *known: str) -> list[str]:
    return [version.oid for version in recent_versions(Git(repo.path), known) if version.manifest]


def test_versions_of_other_branches_are_found(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(repo) == []
    first = add(repo, "a.safetensors", 1)
    repo.git("checkout", "-qb", "other")
    second = add(repo, "b.safetensors", 2)
    third = add(repo, "b.safetensors", 3)
    repo.git("update-ref", "refs/remotes/origin/theirs", "HEAD")
    repo.git("checkout", "-q", "main")
    repo.git("branch", "-qD", "other")
    repo.write("plain.txt", b"git-theta manifest v1\n" + b"no manifest " * 20)
    repo.write("c.safetensors", b"")
    repo.commit()
    # Commits of one second have no order in time.
    assert found(repo)[0] == third
    assert sorted(found(repo)) == sorted([third, second, first])
    assert found(repo, second, first) == [third]
    size = int(repo.git("cat-file", "-s", third))
    monkeypatch.setattr(module, "_MAX_BYTES", size)
    assert found(repo) == [third]


def test_a_merge_brings_versions_too(repo: Repo) -> None:
    first = add(repo, "a.safetensors", 1)
    repo.git("checkout", "-qb", "other")
    add(repo, "b.safetensors", 2)
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-ff", "--no-commit", "other")
    third = add(repo, "b.safetensors", 3)
    assert {first, third} < set(found(repo))


def test_a_partial_clone_has_none(repo: Repo) -> None:
    add(repo, "a.safetensors", 1)
    repo.git("config", "remote.origin.promisor", "true")
    assert found(repo) == []


def test_a_damaged_branch_is_no_reason_to_fail(repo: Repo) -> None:
    add(repo, "a.safetensors", 1)
    tip = repo.git("rev-parse", "HEAD").strip()
    (repo.path / ".git/objects" / tip[:2] / tip[2:]).unlink()
    assert found(repo) == []
