from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from git_theta.runtime.atomic_write import Replacement, atomic_write

OLD, NEW = b"old\n" * 1000, b"new\n" * 3000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    return path


@pytest.fixture(params=[0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> object:
    mask: int = request.param
    before = os.umask(mask)
    yield mask
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_replaces_the_content(path: Path) -> None:
    atomic_write(path, NEW)
    assert path.read_bytes() == NEW
    assert os.listdir(path.parent) == ["file"]
    atomic_write(path, b"")
    assert path.read_bytes() == b""


def test_a_relative_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    atomic_write("file", NEW)
    assert path.read_bytes() == NEW


def test_short_writes_are_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:1000]))
    atomic_write(path, NEW)
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
def test_the_mode_stays(path: Path, mode: int, umask: int) -> None:
    path.chmod(mode)
    atomic_write(path, NEW)
    assert mode_of(path) == mode


def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path, umask: int) -> None:
    atomic_write(tmp_path / "new", NEW)
    assert mode_of(tmp_path / "new") == 0o666 & ~umask


@pytest.mark.parametrize("there", [True, False])
def test_a_given_mode_is_the_mode(path: Path, there: bool, umask: int) -> None:
    if not there:
        path.unlink()
    atomic_write(path, NEW, mode=0o755)
    assert mode_of(path) == 0o755


def test_a_link_is_replaced_and_its_target_stays(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    atomic_write(link, NEW)
    assert not link.is_symlink()
    assert (link.read_bytes(), path.read_bytes()) == (NEW, OLD)


@pytest.mark.parametrize("call", ["write", "fsync", "fchmod", "rename"])
def test_a_failure_leaves_the_old_file(path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left") as caught:
        atomic_write(path, NEW)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["file"]


def test_a_killed_process_leaves_the_old_file(path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from git_theta.runtime.atomic_write import Replacement\n"
        "with Replacement(sys.argv[1]) as new:\n"
        "    os.write(new.handle, b'new')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, path]).returncode < 0
    assert path.read_bytes() == OLD
    left = [name for name in os.listdir(path.parent) if name != "file"]
    assert len(left) == 1
    assert left[0].startswith(".git-theta-")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "nowhere" / "file", NEW)


def test_without_a_commit_the_old_file_stays(path: Path) -> None:
    with Replacement(path) as new:
        os.write(new.handle, NEW)
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["file"]


def test_a_commit_returns_the_stat_that_the_file_has(path: Path) -> None:
    with Replacement(path) as new:
        os.write(new.handle, NEW)
        os.utime(new.handle, ns=(10**18, 10**18))
        status = new.commit()
    assert status == path.stat()
    assert status.st_mtime_ns == 10**18


def test_a_failure_after_the_commit_keeps_the_new_file(path: Path) -> None:
    def fail_late() -> None:
        with Replacement(path) as new:
            os.write(new.handle, NEW)
            new.commit()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert path.read_bytes() == NEW


def test_the_temporary_file_may_be_in_another_folder(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with Replacement(path, folder=tmp_path / "other") as new:
        assert len(os.listdir(tmp_path / "other")) == 1
        os.write(new.handle, NEW)
        new.commit()
    assert path.read_bytes() == NEW
    assert not os.listdir(tmp_path / "other")


def test_a_private_file_is_private_all_the_time(path: Path) -> None:
    path.chmod(0o600)
    with Replacement(path) as new:
        assert os.fstat(new.handle).st_mode & 0o077 == 0
