from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_theta.store.object_files import adopt_file, commit_object, create_temporary, renew, write_object


def test_an_object_is_at_its_path_once_it_is_committed(tmp_path: Path) -> None:
    written = write_object(tmp_path / "tmp", [b"ab", memoryview(b"c")])
    assert (written.oid, written.size) == (hashlib.sha256(b"abc").hexdigest(), 3)
    assert Path(written.name).parent == tmp_path / "tmp"
    target = tmp_path / "objects" / written.oid
    commit_object(written, target)
    assert target.read_bytes() == b"abc"
    assert target.stat().st_mode & 0o777 == 0o444
    assert not list((tmp_path / "tmp").iterdir())


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        write_object(tmp_path, pieces())
    assert not list(tmp_path.iterdir())


def test_a_target_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "objects").write_bytes(b"no folder")
    written = write_object(tmp_path / "tmp", [b"x"])
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        commit_object(written, tmp_path / "objects" / written.oid)
    assert not list((tmp_path / "tmp").iterdir())


def test_a_file_becomes_an_object(tmp_path: Path) -> None:
    path, target = tmp_path / "download", tmp_path / "objects" / "x"
    with path.open("wb") as file:
        file.write(b"abc")
        adopt_file(file, path, target)
    assert target.read_bytes() == b"abc"
    assert target.stat().st_mode & 0o777 == 0o444
    assert not path.exists()


def test_temporary_files_make_their_folder(tmp_path: Path) -> None:
    handle, name = create_temporary(tmp_path / "a" / "tmp")
    os.close(handle)
    assert Path(name).exists()


def test_renewing_gives_the_size(tmp_path: Path) -> None:
    path = tmp_path / "object"
    assert renew(path) is None
    path.write_bytes(b"abc")
    os.utime(path, (0, 0))
    assert renew(path) == 3
    assert path.stat().st_mtime > 0
