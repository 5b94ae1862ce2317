"""A repository in which two families of one model meet: each was added where the other wasn't."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest_text import parse_manifest
from git_theta.smudge import Smudger
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

#: Names of the versions' files in the history, with the seeds of their tuning.
FIRST, SECOND = ("a.safetensors", (0, 1)), ("b.safetensors", (2, 3))


def tuned(seed: int) -> bytes:
    """A fine-tune of one model: two matrices that change a little, and a bias that doesn't."""
    arrays: dict[str, NDArray[np.float32]] = {}
    for name in ("q", "k"):
        random = np.random.default_rng(sum(name.encode()))
        base = (random.standard_normal((120, 150)) * 0.02).astype("f4")
        noise = np.random.default_rng(seed).standard_normal(base.shape) * 1e-6 * bool(seed)
        arrays[name] = (base + noise).astype("f4")
    arrays["bias"] = np.random.default_rng(9).standard_normal(150).astype("f4")
    return safetensors_bytes(arrays)


def make_apart(folder: Path, tracked: Repo) -> Repo:
    """A repository that has merged the history of another one, with all objects, and without a remote."""
    clones = []
    for number, (path, seeds) in enumerate((FIRST, SECOND)):
        clone = tracked.copy(folder / f"clone-{number}")
        for seed in seeds:
            clone.write(path, tuned(seed))
            clone.commit(f"tune {seed}")
        clones.append(clone)
    repo, other = clones
    repo.git("remote", "add", "other", str(other.path))
    repo.git("fetch", "-q", "other")
    repo.git("merge", "-q", "--allow-unrelated-histories", "-m", "both", "other/main")
    repo.theta("fetch", "--all")
    repo.git("remote", "remove", "other")
    return repo


def versions(repo: Repo) -> Iterator[tuple[str, str, bytes]]:
    """Commit and path of each version, and the bytes that it should have."""
    for path, seeds in (FIRST, SECOND):
        revs = repo.git("log", "--reverse", "--format=%H", "main", "--", path).split()
        for rev, seed in zip(revs, seeds, strict=True):
            yield rev, path, tuned(seed)


def check_versions(repo: Repo) -> None:
    """Write each version in this process, and compare all bytes."""
    store = Repository(Git(repo.path)).store
    for rev, path, expected in versions(repo):
        manifest = parse_manifest(repo.run("git", "show", f"{rev}:{path}").stdout.encode())
        with TemporaryFile() as file:
            Smudger(store).smudge(manifest, file.fileno())
            file.seek(0)
            assert file.read() == expected


def check_out_versions(repo: Repo) -> None:
    """Check out each version in turn, and compare all bytes."""
    for rev, path, expected in versions(repo):
        repo.git("checkout", "-q", rev)
        assert repo.read(path) == expected
    repo.git("checkout", "-q", "main")
    assert repo.status() == ""
