from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from git_theta.errors import ThetaError
from git_theta.model.strided import contiguous, gather, joined, scratch_memory, strided, temporary_file
from git_theta.model.tensor import TensorSpec

SPEC = TensorSpec("F32", (3, 4))
DATA = memoryview(bytes(range(100)))


def temporary() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def test_contiguous_elements_are_a_view() -> None:
    value = gather(DATA, SPEC, 8, None, False, temporary)
    assert value.obj is DATA.obj
    assert bytes(value) == bytes(range(8, 56))


@pytest.mark.parametrize(
    ("strides", "offset", "big_endian"),
    [((4, 12), 0, False), ((-16, -4), 44, False), (None, 4, True), ((20, 5), 3, True)],
)
def test_other_elements_are_copied(strides: tuple[int, ...] | None, offset: int, big_endian: bool) -> None:
    expected = np.ndarray(SPEC.shape, ">u4" if big_endian else "<u4", DATA, offset, strides or (16, 4))
    value = gather(DATA, SPEC, offset, strides, big_endian, temporary)
    assert bytes(value) == expected.astype("<u4").tobytes()


def test_complex_numbers_have_an_axis_of_parts() -> None:
    spec = TensorSpec("C64", (2, 3))
    assert contiguous(DATA[:48], spec).shape == (2, 3, 2)
    swapped = gather(DATA, spec, 0, None, True, temporary)
    assert bytes(swapped[:4]) == bytes((3, 2, 1, 0))


@pytest.mark.parametrize(("strides", "offset"), [(None, 60), (None, -4), ((-16, -4), 40), ((50, 4), 0)])
def test_elements_outside_the_file(strides: tuple[int, ...] | None, offset: int) -> None:
    with pytest.raises(ValueError, match="isn't inside"):
        strided(DATA, SPEC, offset, strides, False)


def test_large_scratch_memory_is_a_file() -> None:
    small, large = (scratch_memory(size, temporary) for size in (10, (32 << 20) + 1))
    assert isinstance(small.obj, bytearray)
    assert not isinstance(large.obj, bytearray)
    large[-1] = 7
    assert len(large) == (32 << 20) + 1


def test_pieces_are_copied_before_the_next_one() -> None:
    buffer = bytearray(3)

    def pieces() -> Iterator[memoryview]:
        for number in (1, 2):
            buffer[:] = bytes([number]) * 3
            yield memoryview(buffer)

    assert bytes(joined(pieces(), 6, temporary)) == b"\1\1\1\2\2\2"


def test_a_full_disk_is_an_error_and_not_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The map would be written to past the end of the disk, and the process killed by SIGBUS."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mounted, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        with pytest.raises(ThetaError, match="No space left on device\nhint: free some disk space"):
            scratch_memory((32 << 20) + 1, lambda: os.open(disk / "file", os.O_RDWR | os.O_CREAT))
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(ThetaError, match=f"free some space in {disk}, or set TMPDIR"):
            scratch_memory((32 << 20) + 1, temporary_file)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
