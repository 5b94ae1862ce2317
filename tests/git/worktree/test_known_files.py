from __future__ import annotations

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.manifests import B, manifest_named
from tests.helpers.model_files import FIRST, NAME
from tests.helpers.repo import Repo


def test_a_file_is_known_until_it_changes(model: Repo, known_files: KnownFiles) -> None:
    manifest = parse_manifest(model.git("show", f":{NAME}").encode())
    path = model.write(NAME, FIRST)
    with work_file(str(path)) as file:
        assert file is not None
        assert known_files.manifest(file) is None
        known_files.remember(manifest, file.status)
        known_files.close()
        assert known_files.manifest(file) == manifest
    model.write(NAME, FIRST)
    with work_file(str(path)) as file:
        assert known_files.manifest(file) is None
    assert known_files.manifest(None) is None


def test_a_file_whose_objects_are_gone_must_be_stored_again(model: Repo) -> None:
    path = model.write(NAME, FIRST)
    manifest = manifest_named("weight")
    for lazy in (False, True):
        model.git("config", "theta.fetch", "lazy" if lazy else "auto")
        known_files = KnownFiles(Repository(Git(model.path)))
        with work_file(str(path)) as file:
            assert file is not None
            known_files.remember(manifest, file.status)
            known_files.close()
            assert known_files.manifest(file) == (manifest if lazy else None)
        known_files.close()


def test_sources_of_values_outlive_the_process(repository: Repository, known_files: KnownFiles) -> None:
    manifest = manifest_named("weight")
    entry = manifest.entries[0]
    assert known_files.source(entry.digest) is None
    known_files.remember(manifest)
    known_files.close()
    assert KnownFiles(repository).source(entry.digest) == entry.source
    assert KnownFiles(repository).source(B) is None


def test_only_the_last_manifests_are_candidates(known_files: KnownFiles) -> None:
    made = [manifest_named(f"weight{number}") for number in range(10)]
    for manifest in made:
        known_files.remember(manifest)
    assert known_files.recent() == made[:1:-1]
