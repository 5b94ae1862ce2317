from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from git_theta.git.plumbing.index_format import (
    CorruptIndex,
    SplitIndex,
    UnsupportedIndex,
    check_index,
    entry_oid,
    index_entries,
    renew_checksum,
    write_entry_stat,
)

NAMES = ["a", "deep/er/file", "deep/other", "x" * 200, "ünï"]


def git(folder: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout


def make_index(folder: Path, version: int = 2, *options: str) -> bytearray:
    git(folder, "init", "-q", *options)
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    git(folder, "update-index", "--index-version", str(version))
    git(folder, "add", ".")
    return bytearray((folder / ".git" / "index").read_bytes())


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize(("options", "oid_size"), [((), 20), (("--object-format=sha256",), 32)])
def test_entries(tmp_path: Path, version: int, options: tuple[str, ...], oid_size: int) -> None:
    data = make_index(tmp_path, version, *options)
    check_index(data, oid_size)
    found = [*index_entries(data, oid_size)]
    assert [os.fsdecode(name) for _, _, _, name in found] == sorted(NAMES, key=os.fsencode)
    for offset, mtime, patchable, name in found:
        path = tmp_path / os.fsdecode(name)
        assert patchable
        assert mtime == int(path.stat().st_mtime)
        assert entry_oid(data, offset, oid_size) == git(tmp_path, "hash-object", str(path)).strip()


def test_a_written_stat_is_what_git_reads(tmp_path: Path) -> None:
    data = make_index(tmp_path)
    (tmp_path / "a").write_text("of another size")
    offset = next(offset for offset, _, _, name in index_entries(data, 20) if name == b"a")
    write_entry_stat(data, offset, (tmp_path / "a").stat())
    with pytest.raises(CorruptIndex, match="checksum"):
        check_index(data, 20)
    renew_checksum(data, 20)
    check_index(data, 20)
    (tmp_path / ".git" / "index").write_bytes(data)
    shown = git(tmp_path, "ls-files", "--debug", "a")
    assert f"size: {len('of another size')}" in shown


def test_an_index_without_a_checksum_stays_so(tmp_path: Path) -> None:
    data = make_index(tmp_path)
    data[-20:] = bytes(20)
    check_index(data, 20)
    renew_checksum(data, 20)
    assert data[-20:] == bytes(20)


def test_flagged_entries_keep_their_stat(tmp_path: Path) -> None:
    make_index(tmp_path)
    git(tmp_path, "update-index", "--assume-unchanged", "a")
    git(tmp_path, "update-index", "--skip-worktree", "ünï")
    data = bytearray((tmp_path / ".git" / "index").read_bytes())
    kept = {os.fsdecode(name) for _, _, patchable, name in index_entries(data, 20) if not patchable}
    assert kept == {"a", "ünï"}


def test_a_split_index_is_refused(tmp_path: Path) -> None:
    make_index(tmp_path)
    git(tmp_path, "update-index", "--split-index")
    data = bytearray((tmp_path / ".git" / "index").read_bytes())
    with pytest.raises(SplitIndex, match="split"):
        list(index_entries(data, 20))


@pytest.mark.parametrize("length", [0, 11, 31])
def test_a_file_that_is_too_short(tmp_path: Path, length: int) -> None:
    with pytest.raises(CorruptIndex, match="too short"):
        check_index(make_index(tmp_path)[:length], 20)


def test_another_version_and_another_file(tmp_path: Path) -> None:
    data = make_index(tmp_path)
    data[7] = 5
    with pytest.raises(UnsupportedIndex, match="version 5"):
        check_index(data, 20)
    data[:4] = b"DIRK"
    with pytest.raises(CorruptIndex, match="DIRC"):
        check_index(data, 20)


@pytest.mark.parametrize("version", [2, 4])
def test_entries_that_are_cut_short(tmp_path: Path, version: int) -> None:
    data = make_index(tmp_path, version)
    for end in range(12, len(data) - 40, 7):
        with pytest.raises(CorruptIndex, match="cut short"):
            list(index_entries(data[:end], 20))
