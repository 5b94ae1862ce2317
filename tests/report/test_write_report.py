from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.report.write_report import write_report


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    write_report("→ one", str(path))
    assert path.read_text(encoding="utf-8") == "→ one"
    path.chmod(0o604)
    write_report("two", str(path))
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o604
    assert os.listdir(tmp_path) == ["a.html"]


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    usual, path = tmp_path / "usual", tmp_path / "a.html"
    usual.touch()
    write_report("one", str(path))
    assert path.stat().st_mode == usual.stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a.html")
    write_report("one", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.html").read_text() == "one"


def test_a_device_is_written_to(tmp_path: Path) -> None:
    write_report("gone", os.devnull)
    assert not os.path.isfile(os.devnull)


def test_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        write_report("one", str(tmp_path))


@pytest.mark.parametrize("name", ["none/a.html", "file/a.html", "x" * 300])
def test_errors_of_writing(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="can't be written: "):
        write_report("one", str(tmp_path / name))
    assert os.listdir(tmp_path) == ["file"]


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.html"
    write_report("one", str(path))

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_report("two", str(path))
    assert path.read_text() == "one"
    assert os.listdir(tmp_path) == ["a.html"]
