from __future__ import annotations

import resource

import pytest

from git_theta.formats.base import ComposeError
from git_theta.formats.blank import blank


def test_a_blank_file_is_zeros_and_can_be_written() -> None:
    data = blank(1 << 30)
    assert len(data) == 1 << 30
    assert bytes(data[-3:]) == bytes(3)
    data[-1:] = b"x"
    assert bytes(data[-2:]) == b"\0x"


def test_an_empty_file() -> None:
    assert bytes(blank(0)) == b""


def test_a_size_that_cant_be() -> None:
    with pytest.raises(ComposeError, match="no room"):
        blank(1 << 70)


def test_a_full_disk_doesnt_matter() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        blank(1 << 20)[:1] = b"x"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
