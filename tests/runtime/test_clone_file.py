"""Copies of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.runtime.clone_file import copy_handle


@pytest.mark.parametrize("by", ["kernel", "hand"])
def test_a_copy_has_all_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    data = os.urandom(3_000_001)
    (tmp_path / "old").write_bytes(data)

    def refused(*_args: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    if by == "hand":
        monkeypatch.setattr(os, "copy_file_range", refused, raising=False)
    with open(tmp_path / "old", "rb") as old, open(tmp_path / "new", "xb") as new:
        copy_handle(old.fileno(), new.fileno())
    assert (tmp_path / "new").read_bytes() == data
