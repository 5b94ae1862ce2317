from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from git_theta.git.maintenance.unused_sketches import forget_unused_sketches
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest_text import parse_manifest
from git_theta.model.tensor import TensorSpec
from git_theta.store.sketch_cache import SketchCache
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.weights import trained

SPEC = TensorSpec("F32", (64, 64))


def digests(repo: Repo) -> set[str]:
    with closing(SketchCache(repo.path / ".git" / "theta")) as cache:
        return set(cache.digests())


def test_sketches_go_with_the_objects_of_their_values(repo: Repo) -> None:
    manifests = []
    for seed in range(2):
        array = np.frombuffer(trained(SPEC, seed), "<f4").reshape(SPEC.shape)
        repo.write(f"{seed}.safetensors", safetensors_bytes({"w": array}))
        repo.commit()
        manifests.append(parse_manifest(repo.git("cat-file", "-p", f"HEAD:{seed}.safetensors").encode()))
    entries = [manifest.entries[0] for manifest in manifests]
    repository = Repository(Git(Path(repo.path)))
    forget_unused_sketches(repository)
    assert digests(repo) == {entry.digest for entry in entries}
    for oid in manifests[0].oids():
        repository.store.path(oid).unlink()
    forget_unused_sketches(repository)
    assert digests(repo) == {entries[1].digest}
    (repo.path / ".git" / "theta" / "cache.sqlite").unlink()
    forget_unused_sketches(repository)
    assert digests(repo) == set()


def test_a_repository_without_sketches_stays_as_it_is(repo: Repo) -> None:
    forget_unused_sketches(Repository(Git(repo.path)))
    assert digests(repo) == set()
