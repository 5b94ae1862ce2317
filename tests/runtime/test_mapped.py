from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.runtime.mapped import map_handle, mapped_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


needs_proc = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="maps are listed by Linux only")


def maps_of(path: Path) -> int:
    """How often this process maps a file."""
    return Path("/proc/self/maps").read_text().count(str(path))


@needs_proc
def test_the_map_is_closed_with_the_block(path: Path) -> None:
    with mapped_file(path) as data:
        assert data == b"0123456789"
        assert maps_of(path) == 1
    assert maps_of(path) == 0
    with pytest.raises(ValueError, match="released"):
        data[0]


@needs_proc
def test_views_outlive_the_block(path: Path) -> None:
    with mapped_file(path) as data:
        view = data[3:5]
    assert view == b"34"
    del view
    assert maps_of(path) == 0


@needs_proc
def test_an_error_closes_the_map_too(path: Path) -> None:
    with pytest.raises(KeyError), mapped_file(path):
        raise KeyError
    assert maps_of(path) == 0


def test_an_empty_file_needs_no_map(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with mapped_file(tmp_path / "empty") as data:
        assert data == b""


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), mapped_file(tmp_path / "none"):
        pass


def test_a_descriptor_may_be_closed_before_its_map(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    data = map_handle(handle)
    os.close(handle)
    assert data == b"0123456789"
