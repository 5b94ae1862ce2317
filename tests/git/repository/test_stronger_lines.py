from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.stronger_lines import (
    StrongerLine,
    advice,
    described,
    encoding_lines,
    lines_that_set,
    stronger_lines,
)
from tests.helpers.repo import Repo

Stronger = Callable[..., list[StrongerLine]]


@pytest.fixture
def found(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Stronger:
    def stronger(*patterns: str, folder: str = ".") -> list[StrongerLine]:
        place = repo.path / folder
        monkeypatch.chdir(place)
        return stronger_lines(Repository(Git()), patterns)

    return stronger


def attributes(repo: Repo, name: str, *lines: str) -> None:
    path = repo.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text() if path.exists() else ""
    path.write_text(text + "".join(f"{line}\n" for line in lines))


def test_nothing_is_stronger(repo: Repo, found: Stronger) -> None:
    repo.write("m.pt", b"1")
    attributes(repo, ".gitattributes", "*.txt filter=lfs", "* text=auto")
    assert found("*.pt", "*.safetensors") == []


def test_the_attributes_of_the_repository(repo: Repo, found: Stronger) -> None:
    attributes(repo, ".git/info/attributes", "# annex", "* filter=annex")
    repo.write("m.pt", b"1")
    assert found("*.pt") == [
        StrongerLine(".git/info/attributes:2", "* filter=annex", "filter", ("m.pt",)),
    ]


def test_a_later_line_and_a_file_in_a_folder(repo: Repo, found: Stronger) -> None:
    repo.write("saved_model/a/m.pt", b"1")
    repo.write("m.pt", b"1")
    attributes(repo, ".gitattributes", "saved_model/**/* filter=lfs diff=lfs merge=lfs -text")
    number = len((repo.path / ".gitattributes").read_text().splitlines())
    (line,) = found("*.pt")
    assert (line.place, line.files) == (f".gitattributes:{number}", ("saved_model/a/m.pt",))
    attributes(repo, "saved_model/.gitattributes", "", "*.pt -filter")
    (line,) = found("*.pt")
    assert (line.place, line.text) == ("saved_model/.gitattributes:2", "*.pt -filter")
    assert found("/m.pt") == []


def test_a_pattern_of_a_folder(repo: Repo, found: Stronger) -> None:
    repo.write("x.pt", b"1")
    repo.write("a/b/x.pt", b"1")
    attributes(repo, "a/.gitattributes", "*.pt filter=theta diff=theta merge=theta", "b/*.pt binary")
    (line,) = found("*.pt", folder="a")
    assert (line.place, line.attribute, line.files) == (".gitattributes:2", "merge", ("a/b/x.pt",))


def test_a_pattern_without_files(repo: Repo, found: Stronger) -> None:
    attributes(repo, ".git/info/attributes", "*.pt filter=annex")
    (line,) = found("*.pt")
    assert described(line) == (
        "git-theta doesn't store model.pt: .git/info/attributes:1 is stronger (*.pt filter=annex)"
    )


def test_track_warns(repo: Repo) -> None:
    attributes(repo, ".git/info/attributes", "* filter=annex")
    repo.write("m.safetensors", b"1")
    assert "Warning: git-theta doesn't store m.safetensors: .git/info/attributes:1" in repo.theta(
        "track", "*.safetensors"
    )


def test_an_encoding_of_a_tracked_file(repo: Repo, found: Stronger, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write("m.pt", b"")
    attributes(
        repo,
        ".gitattributes",
        "*.pt filter=theta diff=theta merge=theta",
        "m* x working-tree-encoding=UTF-16",
    )
    repo.git("add", ".")
    number = len((repo.path / ".gitattributes").read_text().splitlines())
    (line,) = found("*.pt")
    assert (line.attribute, line.files) == ("working-tree-encoding", ("m.pt",))
    assert f".gitattributes:{number} (m* x working-tree-encoding=UTF-16)" in described(line)
    assert "!working-tree-encoding" in advice(line)
    repository = Repository(Git(repo.path))
    assert encoding_lines(repository) == [line]
    assert lines_that_set(repository, "working-tree-encoding", []) == []
    attributes(repo, ".gitattributes", "m.* !working-tree-encoding")
    assert encoding_lines(repository) == found("*.pt") == []


def test_an_encoding_of_the_users_own_attributes(repo: Repo, found: Stronger, tmp_path: Path) -> None:
    repo.write("m.pt", b"")
    attributes(repo, ".gitattributes", "*.pt filter=theta diff=theta merge=theta")
    own = tmp_path / "own"
    own.write_text("*.pt working-tree-encoding=UTF-16LE\n")
    repo.git("config", "core.attributesFile", str(own))
    (line,) = found("*.pt")
    assert (line.attribute, line.text) == ("working-tree-encoding", "*.pt working-tree-encoding=UTF-16LE")
