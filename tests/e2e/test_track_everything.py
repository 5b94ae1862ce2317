"""`git theta track '*'`: files that Git itself reads stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A


@pytest.fixture
def everything(repo: Repo) -> Repo:
    """A model, and other files, in a repository where all of them are tracked."""
    (repo.path / ".gitattributes").unlink()
    repo.theta("track", "*")
    repo.write(".gitignore", b"*.log\n")
    repo.write(".theta/config.toml", b"# nothing\n")
    repo.write(NAME, A)
    repo.commit("everything")
    return repo


def test_a_clone_has_attributes_and_the_model(everything: Repo, tmp_path: Path) -> None:
    for name in (".gitattributes", ".gitignore", ".theta/config.toml"):
        assert everything.git("cat-file", "blob", f"HEAD:{name}").encode() == everything.read(name)
    assert everything.git("cat-file", "blob", f"HEAD:{NAME}").startswith("git-theta manifest")
    everything.git("clone", "-q", str(everything.path), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    assert clone.read(NAME) == A
    assert clone.read(".gitattributes") == everything.read(".gitattributes")
    assert clone.status() == ""


def test_commands_leave_such_files_out(everything: Repo) -> None:
    assert ".git" not in everything.theta("status")
    assert "as a whole" not in everything.theta("track", "*")


def test_both_sides_change_the_attributes(everything: Repo) -> None:
    attributes = everything.read(".gitattributes")
    everything.write(".gitignore", b"*.log\n*.a\n")
    everything.write(".gitattributes", attributes + b"\n\n\n*.b -diff\n")
    everything.commit("ours")
    everything.git("checkout", "-q", "-b", "side", "HEAD~1")
    everything.write(".gitattributes", b"*.a -diff\n" + b"\n" * 4 + attributes)
    everything.commit("theirs")
    everything.git("merge", "-q", "-m", "merged", "main", ok=False)
    text = everything.read(".gitattributes")
    assert b"*.a -diff" in text
    assert b"*.b -diff" in text
    assert b"manifest" not in text


def test_an_old_manifest_of_the_attributes(everything: Repo) -> None:
    """An earlier git-theta stored one; its file is written, and the next commit has the file itself."""
    attributes = everything.read(".gitattributes")
    manifest = everything.run_theta("clean", "attributes", stdin=attributes).stdout
    oid = everything.run("git", "hash-object", "-w", "--stdin", stdin=manifest.encode()).stdout.strip()
    everything.git("update-index", "--cacheinfo", f"100644,{oid},.gitattributes")
    everything.git("commit", "-q", "-m", "as before")
    everything.write(".git/info/attributes", attributes)
    (everything.path / ".gitattributes").unlink()
    everything.git("checkout", "--", ".gitattributes")
    assert everything.read(".gitattributes") == attributes
    everything.git("add", "--renormalize", ".gitattributes")
    assert everything.git("cat-file", "blob", ":.gitattributes").encode() == attributes
