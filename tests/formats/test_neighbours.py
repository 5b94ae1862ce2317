"""Files beside a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.formats import neighbours
from git_theta.formats.neighbours import neighbours_of


def test_files_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"1")
    (tmp_path / "a").write_bytes(b"23")
    (tmp_path / "folder").mkdir()
    found = neighbours_of(str(tmp_path / "new"))
    assert (found.name, found.names()) == ("new", ["a", "b"])
    assert found.read("a") == b"23"
    assert neighbours_of(str(tmp_path / "none" / "new")).names() == []


def test_files_that_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    (folder / "large").write_bytes(bytes(9))
    monkeypatch.setattr(neighbours, "MAX_BYTES", 8)
    found = neighbours_of(str(folder / "file"))
    for name in ("link", "pipe", "large", "none", "../secret", str(tmp_path / "secret"), "", ".", "a\0b"):
        assert found.read(name) is None, name
    assert found.names() == ["large"]


def test_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MAX_NAMES", 3)
    for number in range(5):
        (tmp_path / str(number)).touch()
    assert len(neighbours_of(str(tmp_path / "file")).names()) == 3
