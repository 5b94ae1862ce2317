"""Moving a repository of git-theta 0.2 to this version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from git_theta import legacy
from tests.helpers.repo import Repo

pytest.importorskip("numcodecs", reason="the extra `migrate` isn't installed")

FIXTURES = Path(__file__).parent.parent / "fixtures" / "legacy02"
VERSIONS = sorted((FIXTURES / "model.pt").iterdir())
COMMITS = {path.stem.partition("-")[2]: path.read_bytes() for path in VERSIONS}


def restored(number: int, folder: Path) -> bytes:
    target = folder / "expected.pt"
    metadata = VERSIONS[number].read_bytes()
    legacy.restore(metadata, lambda oid: FIXTURES / "objects" / oid, target, COMMITS.__getitem__)
    return target.read_bytes()


@pytest.fixture
def old(tmp_path: Path) -> Repo:
    """The versions of `model.pt`, one a commit, each an update of the one before."""
    repo = Repo(tmp_path / "old")
    repo.path.mkdir()
    repo.git("init", "-q")
    repo.write(".gitattributes", b"*.pt filter=theta diff=theta merge=theta\n")
    repo.git("add", "-A")
    new_ids: dict[str, str] = {}
    for path in VERSIONS:
        data = path.read_bytes()
        for before, after in new_ids.items():
            data = data.replace(before.encode(), after.encode())
        oid = repo.run("git", "hash-object", "-w", "--stdin", stdin=data).stdout.strip()
        repo.git("update-index", "--add", "--cacheinfo", f"100644,{oid},model.pt")
        repo.git("commit", "-q", "-m", path.stem)
        new_ids[path.stem.partition("-")[2]] = repo.git("rev-parse", "HEAD").strip()
    for source in (FIXTURES / "objects").iterdir():
        target = repo.path / ".git" / "lfs" / "objects" / source.name[:2] / source.name[2:4] / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    repo.git("checkout", "-q", "--", ".")
    return repo


def test_all_versions_are_rewritten(old: Repo, tmp_path: Path) -> None:
    output = old.theta("migrate", "import", "--rewrite")
    assert f"{len(VERSIONS)} versions of 1 file converted" in output
    assert old.status() == ""
    assert old.git("show", "main~5:.gitattributes") == "*.pt filter=theta diff=theta merge=theta -text\n"
    for number in range(len(VERSIONS)):
        rev = f"main~{len(VERSIONS) - 1 - number}"
        assert old.git("cat-file", "-p", f"{rev}:model.pt").startswith("git-theta manifest 1\nformat pytorch")
        old.git("checkout", "-q", rev)
        assert old.read("model.pt") == restored(number, tmp_path)
    old.theta("fsck")


def test_the_newest_version_is_staged(old: Repo, tmp_path: Path) -> None:
    old.theta("migrate", "import")
    assert old.read("model.pt") == restored(5, tmp_path)
    old.git("commit", "-q", "-m", "convert")
    assert old.status() == ""


def test_a_lost_object_is_named(old: Repo) -> None:
    shutil.rmtree(old.path / ".git" / "lfs")
    refs = old.git("for-each-ref")
    output = old.theta("migrate", "import", "--rewrite", ok=False)
    assert "can't be had" in output
    assert old.git("for-each-ref") == refs


def test_metadata_is_not_taken_for_a_checkpoint(old: Repo, tmp_path: Path) -> None:
    metadata = old.read("model.pt")
    old.git("add", "--renormalize", ".")
    assert old.git("diff", "--cached", "--stat") == ""
    assert old.read("model.pt") == metadata
    assert "git theta migrate import" in old.theta("status")
    old.theta("migrate", "import")
    assert old.read("model.pt") == restored(5, tmp_path)
