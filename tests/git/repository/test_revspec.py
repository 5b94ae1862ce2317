from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.errors import ManifestError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.revspec import check_revision, find_manifest, is_revision
from git_theta.model.manifest import Manifest
from tests.helpers.manifests import manifest_named
from tests.helpers.repo import Repo

OLD, NEW, STAGED = (manifest_named(name) for name in ("old", "new", "staged"))


def put(repo: Repo, manifest: Manifest | bytes, path: str) -> None:
    """Put a manifest into the index; a file of the work tree would be cleaned."""
    data = manifest if isinstance(manifest, bytes) else manifest.to_bytes()
    oid = Git(repo.path).run("hash-object", "-w", "--stdin", stdin=data).decode().strip()
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")


@pytest.fixture
def git(repo: Repo) -> Git:
    put(repo, OLD, "deep/m.pt")
    repo.git("commit", "-qm", "old")
    put(repo, NEW, "deep/m.pt")
    put(repo, b"whole", "plain.bin")
    put(repo, OLD.to_bytes()[:-3], "damaged.pt")
    put(repo, OLD, "main:m.pt")
    repo.git("commit", "-qm", "new")
    put(repo, STAGED, "deep/m.pt")
    (repo.path / "deep").mkdir()
    return Git(repo.path)


@pytest.mark.parametrize("name", ["main", "HEAD", "HEAD~1", "HEAD^{tree}", "main@{0}"])
def test_revisions(git: Git, name: str) -> None:
    assert is_revision(git, name)
    check_revision(git, name)


@pytest.mark.parametrize("name", ["", "nothing", "HEAD~9", "--all", "^main", "HEAD:plain.bin"])
def test_no_revisions(git: Git, name: str) -> None:
    assert not is_revision(git, name)
    with pytest.raises(UsageError, match="isn't a revision"):
        check_revision(git, name)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("deep/m.pt", STAGED),
        (":deep/m.pt", STAGED),
        ("HEAD:deep/m.pt", NEW),
        ("main~1:deep/m.pt", OLD),
        ("HEAD:./deep/m.pt", NEW),
        ("main:m.pt", OLD),
    ],
)
def test_versions(git: Git, name: str, found: Manifest) -> None:
    assert find_manifest(git, name) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("m.pt", STAGED),
        ("../deep/m.pt", STAGED),
        ("HEAD:./m.pt", NEW),
        ("HEAD:deep/m.pt", NEW),
        (":./m.pt", STAGED),
    ],
)
def test_versions_from_a_folder(repo: Repo, git: Git, name: str, found: Manifest) -> None:
    assert find_manifest(Git(repo.path / "deep"), name) == found


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("nothing.pt", "there's no nothing.pt in the index", "ls-files"),
        (":nothing.pt", "there's no nothing.pt in the index", "ls-files"),
        ("main:nothing.pt", "there's no nothing.pt in main", "ls-files main"),
        ("never:deep/m.pt", "'never' isn't a revision", "git log"),
        ("new file.pt", "new file.pt isn't in Git yet", "git add -- 'new file.pt'"),
        ("plain.bin", "plain.bin is in Git as a whole file", "renormalize"),
    ],
)
def test_names_of_nothing(repo: Repo, git: Git, name: str, message: str, hint: str) -> None:
    (repo.path / "new file.pt").touch()
    with pytest.raises(UsageError, match=message) as caught:
        find_manifest(git, name)
    assert hint in caught.value.hint


def test_a_damaged_manifest_is_named(git: Git) -> None:
    with pytest.raises(ManifestError, match=r"^damaged\.pt: "):
        find_manifest(git, "damaged.pt")


def test_a_bare_repository(repo: Repo, git: Git, tmp_path: Path) -> None:
    repo.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    assert find_manifest(Git(tmp_path / "bare"), "main:deep/m.pt") == NEW
