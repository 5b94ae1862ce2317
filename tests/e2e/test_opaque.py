"""Files of formats that aren't known, with real Git: versions that are longer, shorter, and tuned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.model.tensor import TensorSpec
from tests.helpers.repo import Repo
from tests.helpers.weights import trained, tuned

SPEC = TensorSpec("F32", (1 << 19,))
OLD = trained(SPEC)
NEW = tuned(OLD, SPEC, 1e-5)


@pytest.fixture
def repo(tracked: Repo, tmp_path: Path) -> Repo:
    repo = tracked.copy(tmp_path / "repo")
    repo.git("theta", "track", "*.gguf", "*.txt")
    return repo


def add(repo: Repo, name: str, data: bytes) -> float:
    """Commit a version; its cost as a share of its bytes. It comes back when it's checked out."""
    before = stored(repo)
    repo.write(name, data)
    repo.git("add", ".")
    repo.git("commit", "-qm", name)
    (repo.path / name).unlink()
    repo.git("checkout", "--", name)
    assert repo.read(name) == data
    assert repo.status() == ""
    return (stored(repo) - before) / len(data)


def stored(repo: Repo) -> int:
    folder = repo.path / ".git/theta/objects"
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_versions_of_an_unknown_format_cost_what_changed(repo: Repo) -> None:
    add(repo, "m.gguf", b"GGUF" + b"h" * 60 + OLD)
    assert add(repo, "m.gguf", b"GGUF" + b"h" * 92 + OLD) < 0.001
    assert add(repo, "m.gguf", b"GGUF" + b"h" * 7 + OLD[:777_777] + b"tensor" + OLD[777_777:]) < 0.001
    assert add(repo, "m.gguf", b"GGUF" + b"h" * 33 + NEW) < 0.48
    assert add(repo, "m.gguf", b"GGUF" + b"h" * 40 + NEW[:-1000]) < 0.001


@pytest.mark.slow
def test_a_text_that_grows_past_what_a_layout_holds_costs_what_it_grew(repo: Repo) -> None:
    values = np.random.default_rng(0).standard_normal(60_000).tolist()
    lines = [f"leaf_value={value!r}\n".encode() for value in values]
    add(repo, "m.txt", b"".join(lines[:24_000]))
    assert add(repo, "m.txt", b"".join(lines[:25_000])) < 0.03
    edited = b"".join(lines[:25_000]).replace(b"=1.99", b"=2.99")
    assert add(repo, "m.txt", edited) < 0.03
    assert len(b"".join(lines[:40_000])) > 1 << 20
    assert add(repo, "m.txt", edited + b"".join(lines[25_000:40_000])) < 0.2
    assert add(repo, "m.txt", edited + b"".join(lines[25_000:41_000])) < 0.02


def test_a_copy_with_changes_costs_these_wherever_it_is(repo: Repo) -> None:
    add(repo, "m.gguf", b"GGUF" + b"h" * 60 + OLD)
    repo.git("rm", "-q", "m.gguf")
    repo.git("commit", "-qm", "removed")
    add(repo, "other.gguf", trained(SPEC, seed=5))
    assert add(repo, "copies/of.gguf", b"GGUF" + b"h" * 92 + OLD) < 0.001
