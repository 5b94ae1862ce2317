from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from git_theta.errors import UsageError
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.cleaners import Cleaners
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.manifests import manifest_named
from tests.helpers.model_files import NAME
from tests.helpers.repo import Repo


@pytest.fixture
def cleaners(repository: Repository, known_files: KnownFiles) -> Iterator[Cleaners]:
    with closing(Cleaners(repository, known_files)) as made:
        yield made


def test_an_attribute_comes_before_the_setting(repo: Repo, cleaners: Cleaners) -> None:
    repo.git("config", "theta.update", "delta")
    repo.write(".gitattributes", b"*.pt filter=theta theta-update=dense\n")
    assert "delta" in cleaners.allowed_updates("a.safetensors")
    assert "delta" in cleaners.allowed_updates(None)
    assert "delta" not in cleaners.allowed_updates("a.pt")


@pytest.mark.parametrize(("path", "where"), [("a.pt", "theta-update of a.pt"), ("a.bin", "theta.update")])
def test_an_update_that_is_not_installed_is_left_out(
    repo: Repo, cleaners: Cleaners, path: str, where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    repo.git("config", "theta.update", "nothing,sparse")
    repo.write(".gitattributes", b"*.pt filter=theta theta-update=nothing,sparse\n")
    assert "sparse" in cleaners.allowed_updates(path)
    told = capfd.readouterr().err
    assert f"{path}: stored without an update that" in told
    assert where in told


def test_an_update_that_is_never_chosen_is_refused_with_its_place(repo: Repo, cleaners: Cleaners) -> None:
    repo.git("config", "theta.update", "quantized")
    with pytest.raises(UsageError, match=r"theta\.update: "):
        cleaners.allowed_updates(None)


def test_candidates_are_of_this_process_and_then_of_the_index(
    model: Repo, cleaners: Cleaners, known_files: KnownFiles
) -> None:
    indexed = parse_manifest(model.git("show", f":{NAME}").encode())
    recent = manifest_named("weight")
    known_files.remember(recent)
    assert list(cleaners.cleaner("other.safetensors").candidates()) == [recent, indexed]


def test_removed_files_are_candidates(model: Repo, cleaners: Cleaners) -> None:
    head = parse_manifest(model.git("show", f"HEAD:{NAME}").encode())
    model.git("rm", "-q", "--cached", NAME)
    assert list(cleaners.cleaner("other.safetensors").candidates()) == [head]


def test_settings_reach_the_cleaner(repo: Repo, cleaners: Cleaners) -> None:
    repo.git("config", "theta.threads", "3")
    repo.git("config", "theta.maxDepth", "2")
    repo.git("config", "theta.fetch", "lazy")
    cleaner = cleaners.cleaner(None)
    assert (cleaner.threads, cleaner.depth, cleaner.lazy) == (3, 2, True)
