from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.store.partial_download import locked_download


def no_wait(_seconds: float) -> None:
    raise AssertionError("nobody else has the lock")


def test_bytes_of_an_earlier_attempt_are_there(tmp_path: Path) -> None:
    path = tmp_path / "incoming" / "object"
    with locked_download(path, no_wait) as file:
        file.write(b"half")
    with locked_download(path, no_wait) as file:
        assert file.read() == b"half"


def test_an_empty_file_is_removed(tmp_path: Path) -> None:
    with locked_download(tmp_path / "object", no_wait):
        pass
    assert not list(tmp_path.iterdir())


def test_the_owner_may_move_the_file(tmp_path: Path) -> None:
    with locked_download(tmp_path / "object", no_wait) as file:
        file.write(b"all")
        (tmp_path / "object").rename(tmp_path / "stored")
    assert [path.name for path in tmp_path.iterdir()] == ["stored"]


def test_a_file_that_another_writes_is_waited_for(tmp_path: Path) -> None:
    waits = []

    class Enough(Exception):
        pass

    def wait(seconds: float) -> None:
        waits.append(seconds)
        raise Enough

    path = tmp_path / "object"
    with locked_download(path, wait), pytest.raises(Enough), locked_download(path, wait):
        pass
    assert len(waits) == 1
    assert not path.exists()
