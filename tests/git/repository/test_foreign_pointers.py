from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.git.repository.foreign_pointers import foreign_pointer_kind

FIXTURES = Path(__file__).parents[2] / "fixtures" / "legacy02"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 5\n" % (b"a" * 64)
EXTENDED = POINTER.replace(b"\noid", b"\next-0-foo sha256:%b\noid" % (b"b" * 64))
METADATA = next(FIXTURES.rglob("m.safetensors.json")).read_bytes()


@pytest.mark.parametrize("data", [POINTER, EXTENDED])
def test_pointers_of_git_lfs(data: bytes) -> None:
    assert foreign_pointer_kind(data) == "a pointer of git-lfs"
    assert foreign_pointer_kind(memoryview(data)) == "a pointer of git-lfs"


def test_metadata_of_theta_0_2() -> None:
    assert foreign_pointer_kind(METADATA) == "metadata of git-theta 0.2"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"version 1",
        b"{}",
        b'{"lfs_metadata": 1}',
        POINTER[:-3],
        POINTER + bytes(2000),
        b" " + POINTER,
        METADATA[:-2],
    ],
)
def test_other_files(data: bytes) -> None:
    assert foreign_pointer_kind(data) == ""
