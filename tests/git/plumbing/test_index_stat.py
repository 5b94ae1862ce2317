"""The index's stat patch, checked against the real git."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.index_format import CorruptIndex, SplitIndex, UnsupportedIndex
from git_theta.git.plumbing.index_stat import IndexLocked, patch_stats, refresh_stats

# Cleans to the first line, so that "short\n" is the manifest of any file that starts so; logs each call.
FILTER = """#!/bin/sh
echo "$1 $2" >> "$FILTER_LOG"
if [ "$1" = clean ]; then head -n 1; else cat; fi
"""
NAMES = (
    b"a.bin",
    b"deep/er/b.bin",
    "models/größe 模型.bin".encode(),
    b' "quoted"\ttab .bin',
    b"z" * 200 + b".bin",
)


@dataclass(frozen=True)
class Repo:
    """A repository whose *.bin files are filtered, and that has manifests in the work tree."""

    root: Path
    env: Mapping[str, str]

    def git(self, *args: str, stdin: bytes | None = None) -> bytes:
        command = ["git", *args]
        return subprocess.run(
            command, cwd=self.root, env=self.env, input=stdin, check=True, capture_output=True
        ).stdout

    @property
    def index(self) -> Path:
        return self.root / ".git" / "index"

    def path(self, name: bytes) -> Path:
        return self.root / os.fsdecode(name)

    def write(self, name: bytes, content: str, age: float = 0) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        then = time.time() - age
        os.utime(path, (then, then))

    def add_manifests(self, *names: bytes) -> dict[bytes, str]:
        """Stage manifests, and give their blobs."""
        for name in names:
            self.write(name, f"model {name!r}\n", age=30)
        self.git("add", "--all")
        return self.blobs(*names)

    def blobs(self, *names: bytes) -> dict[bytes, str]:
        staged = (entry.split(b"\t", 1) for entry in self.git("ls-files", "-sz").split(b"\0")[:-1])
        return {name: info.split()[1].decode() for info, name in staged if name in names}

    def materialise(self, *names: bytes) -> None:
        for name in names:
            self.write(name, f"model {name!r}\n" + "weights\n" * 100, age=10)
        Path(self.env["FILTER_LOG"]).write_text("")

    def cleaned(self) -> list[str]:
        return Path(self.env["FILTER_LOG"]).read_text().splitlines()

    def status(self) -> list[bytes]:
        return self.git("--no-optional-locks", "status", "--porcelain", "-z").split(b"\0")[:-1]

    def assert_clean(self) -> None:
        assert self.status() == []
        assert self.git("diff-files") == b""
        assert self.cleaned() == []
        self.git("fsck", "--strict")


def new_repo(tmp_path: Path, *options: str) -> Repo:
    script = tmp_path / "filter.sh"
    script.write_text(FILTER)
    script.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        "[user]\n\tname = A\n\temail = a@example.com\n[core]\n\tquotePath = false\n"
        f'[filter "test"]\n\trequired = true\n\tclean = "\'{script}\' clean %f"\n'
        f"\tsmudge = \"'{script}' smudge %f\"\n"
    )
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": str(tmp_path / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "FILTER_LOG": str(tmp_path / "log"),
    }
    repo = Repo(tmp_path / "repo", env)
    repo.root.mkdir()
    repo.git("init", "-q", *options)
    repo.write(b".gitattributes", "*.bin filter=test -text\n", age=30)
    repo.git("add", "--all")
    repo.git("commit", "-qm", "attributes")
    return repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return new_repo(tmp_path)


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_materialised_files_are_clean_without_a_filter_run(
    tmp_path: Path, version: int, object_format: str
) -> None:
    repo = new_repo(tmp_path, f"--object-format={object_format}")
    repo.git("config", "index.version", str(version))
    repo.git("update-index", "--index-version", str(version))
    blobs = repo.add_manifests(*NAMES)
    repo.git("commit", "-qm", "manifests")
    if version == 3:  # git only writes version 3 for entries with extended flags
        repo.write(b"new.txt", "intended\n", age=30)
        repo.git("add", "--intent-to-add", "new.txt")
    assert repo.index.read_bytes()[7] == version
    repo.materialise(*NAMES)
    if version != 3:
        assert len(repo.status()) == len(NAMES)

    assert patch_stats(repo.index, repo.root, blobs) == set(NAMES)

    assert repo.cleaned() == []
    if version == 3:
        assert repo.status() == [b" A new.txt"]
        assert repo.cleaned() == []
    else:
        repo.assert_clean()
    size = repo.path(b"a.bin").stat().st_size
    assert f"size: {size}\t".encode() in repo.git("ls-files", "--debug", "a.bin")
    assert not repo.index.with_name("index.lock").exists()


def test_a_later_change_is_seen(repo: Repo) -> None:
    blobs = repo.add_manifests(b"a.bin")
    repo.git("commit", "-qm", "manifests")
    repo.materialise(b"a.bin")
    patch_stats(repo.index, repo.root, blobs)
    repo.write(b"a.bin", repo.path(b"a.bin").read_text().replace("model", "MODEL"), age=5)
    assert repo.status() == [b" M a.bin"]


def test_a_change_between_writing_and_patching_is_seen(repo: Repo) -> None:
    blobs = repo.add_manifests(b"a.bin")
    repo.git("commit", "-qm", "manifests")
    repo.materialise(b"a.bin")
    written = repo.path(b"a.bin").stat()
    repo.write(b"a.bin", repo.path(b"a.bin").read_text().replace("model", "MODEL"), age=5)
    assert patch_stats(repo.index, repo.root, blobs, stats={b"a.bin": written}) == set()
    assert repo.status() == [b" M a.bin"]


def test_an_entry_with_another_blob_stays(repo: Repo) -> None:
    blobs = repo.add_manifests(b"a.bin", b"b.bin")
    repo.git("commit", "-qm", "manifests")
    repo.materialise(b"a.bin", b"b.bin")
    blobs[b"a.bin"] = "12" * 20
    assert patch_stats(repo.index, repo.root, blobs) == {b"b.bin"}
    assert repo.status() == [b" M a.bin"]


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_flagged_entries_stay(repo: Repo, flag: str) -> None:
    blobs = repo.add_manifests(b"a.bin")
    repo.git("update-index", flag, "a.bin")
    repo.materialise(b"a.bin")
    before = repo.index.read_bytes()
    assert patch_stats(repo.index, repo.root, blobs) == set()
    assert repo.index.read_bytes() == before


def test_intent_to_add_stays(repo: Repo) -> None:
    repo.materialise(b"a.bin")
    repo.git("add", "--intent-to-add", "a.bin")
    assert patch_stats(repo.index, repo.root, repo.blobs(b"a.bin")) == set()


def test_conflict_stages_stay(repo: Repo) -> None:
    blobs = repo.add_manifests(b"a.bin", b"b.bin")
    stages = [f"100644 {blobs[b'a.bin']} {stage}\ta.bin\n" for stage in (1, 2, 3)]
    repo.git("update-index", "--index-info", stdin=("0 " + "0" * 40 + "\ta.bin\n" + "".join(stages)).encode())
    repo.materialise(b"a.bin", b"b.bin")
    before = repo.git("ls-files", "-u", "--debug")
    assert patch_stats(repo.index, repo.root, blobs) == {b"b.bin"}
    assert repo.git("ls-files", "-u", "--debug") == before


def test_missing_files_folders_and_symlinks_stay(repo: Repo) -> None:
    names = (b"a.bin", b"b.bin", b"c.bin")
    blobs = repo.add_manifests(*names)
    for name in names:
        repo.path(name).unlink()
    repo.path(b"b.bin").mkdir()
    repo.path(b"c.bin").symlink_to(".gitattributes")
    assert patch_stats(repo.index, repo.root, blobs) == set()


def test_an_unstaged_change_of_a_racy_file_is_still_seen(repo: Repo) -> None:
    """A rewritten index mustn't be newer than a file that only its age makes git reread."""
    blobs = repo.add_manifests(b"a.bin")
    repo.write(b"notes.txt", "one\n")
    second = int(time.time())
    os.utime(repo.path(b"notes.txt"), (second, second))
    repo.git("add", "notes.txt")
    repo.git("commit", "-qm", "both")
    os.utime(repo.index, (second, second))
    entry = os.stat(repo.path(b"notes.txt"))
    with open(repo.path(b"notes.txt"), "r+") as notes:  # same size, inode and mtime
        notes.write("two\n")
    os.utime(repo.path(b"notes.txt"), ns=(entry.st_atime_ns, entry.st_mtime_ns))
    repo.git("config", "core.trustctime", "false")
    repo.materialise(b"a.bin")
    assert patch_stats(repo.index, repo.root, blobs) == {b"a.bin"}
    assert repo.index.stat().st_mtime < second + 1
    assert repo.status() == [b" M notes.txt"]


def racy_notes(repo: Repo) -> dict[bytes, str]:
    """Manifests, staged in the second of a text file, which passed a moment ago."""
    blobs = repo.add_manifests(b"a.bin")
    second = int(time.time()) - 1
    repo.write(b"notes.txt", "one\n")
    os.utime(repo.path(b"notes.txt"), (second, second))
    repo.git("add", "notes.txt")
    repo.git("commit", "-qm", "both")
    os.utime(repo.index, (second, second))
    repo.git("config", "core.trustctime", "false")
    return blobs


def change_unseen(repo: Repo) -> None:
    """Change the text file in its second, and its size and inode stay."""
    entry = os.stat(repo.path(b"notes.txt"))
    with open(repo.path(b"notes.txt"), "r+") as notes:
        notes.write("two\n")
    os.utime(repo.path(b"notes.txt"), ns=(entry.st_atime_ns, entry.st_mtime_ns))


def of_the_previous_second(path: Path) -> os.stat_result:
    """Give a file the mtime of one that took long to write; its stat."""
    mtime = time.time_ns() // 10**9 * 10**9 - 1
    os.utime(path, ns=(mtime, mtime))
    return path.stat()


def test_a_file_of_the_present_second_is_read_again_once(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_theta.git.plumbing.file_times._COSTLY", 0)
    blobs = racy_notes(repo)
    before = repo.index.stat().st_mtime_ns
    repo.materialise(b"a.bin")
    future = (time.time_ns() // 10**9 + 60) * 10**9
    os.utime(repo.path(b"a.bin"), ns=(future, future))
    stats = {b"a.bin": repo.path(b"a.bin").stat()}
    assert refresh_stats(Git(repo.root, repo.env), repo.index, repo.root, blobs, stats=stats) == {b"a.bin"}
    assert repo.index.stat().st_mtime_ns == before
    assert repo.status() == []
    assert repo.cleaned() == ["clean a.bin"]


@pytest.mark.parametrize("large", [True, False])
def test_a_fresh_file_is_clean_beside_a_racy_one(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    monkeypatch.setattr("git_theta.git.plumbing.file_times._COSTLY", 0 if large else 1 << 30)
    blobs = racy_notes(repo)
    repo.materialise(b"a.bin")
    stats = {b"a.bin": of_the_previous_second(repo.path(b"a.bin"))}
    assert refresh_stats(Git(repo.root, repo.env), repo.index, repo.root, blobs, stats=stats) == {b"a.bin"}
    assert repo.status() == []
    assert repo.cleaned() == ([] if large else ["clean a.bin"])


def test_a_racy_change_is_seen_beside_a_fresh_file(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_theta.git.plumbing.file_times._COSTLY", 0)
    blobs = racy_notes(repo)
    change_unseen(repo)
    repo.materialise(b"a.bin")
    stats = {b"a.bin": of_the_previous_second(repo.path(b"a.bin"))}
    assert refresh_stats(Git(repo.root, repo.env), repo.index, repo.root, blobs, stats=stats) == {b"a.bin"}
    assert repo.status() == [b" M notes.txt"]


def test_more_racy_bytes_than_were_written_stay_racy(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_theta.git.plumbing.file_times._COSTLY", 0)
    blobs = racy_notes(repo)
    repo.write(b"notes.txt", "long\n" * 1000)
    second = repo.index.stat().st_mtime
    os.utime(repo.path(b"notes.txt"), (second, second))
    repo.git("add", "notes.txt")
    os.utime(repo.index, (second, second))
    repo.materialise(b"a.bin")
    stats = {b"a.bin": repo.path(b"a.bin").stat()}
    assert refresh_stats(Git(repo.root, repo.env), repo.index, repo.root, blobs, stats=stats) == {b"a.bin"}
    assert repo.index.stat().st_mtime == second
    assert repo.status() == [b"M  notes.txt"]


def test_times_of_whole_seconds_prove_nothing(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without fractions of seconds, a change in the second of the write leaves all times as they are."""
    blobs = repo.add_manifests(b"a.bin")
    repo.git("commit", "-qm", "manifests")
    before = repo.index.stat().st_mtime_ns
    repo.materialise(b"a.bin")
    real = os.lstat

    def coarse(name: bytes) -> os.stat_result:
        found = real(name)
        fields = {field: getattr(found, field) for field in dir(found) if field.startswith("st_")}
        now = int(time.time()) * 10**9
        whole = SimpleNamespace(**{**fields, "st_mtime_ns": now, "st_ctime_ns": now})
        return cast(os.stat_result, whole)

    monkeypatch.setattr("git_theta.git.plumbing.index_stat.os.lstat", coarse)
    assert patch_stats(repo.index, repo.root, blobs) == {b"a.bin"}
    assert repo.index.stat().st_mtime_ns == before


def test_many_files(repo: Repo) -> None:
    for number in range(2000):
        repo.write(f"texts/{number % 7}/{number}.txt".encode(), "x", age=30)
    names = [f"models/{number:04}.bin".encode() for number in range(40)]
    blobs = repo.add_manifests(*names)
    repo.git("-c", "index.threads=2", "commit", "-qm", "many")
    repo.materialise(*names)
    assert patch_stats(repo.index, repo.root, blobs) == set(names)
    repo.assert_clean()


@pytest.mark.parametrize("version", [2, 4])
def test_threaded_index_extensions_stay_valid(repo: Repo, version: int) -> None:
    repo.git("config", "index.threads", "2")
    empty = repo.git("hash-object", "-w", "--stdin", stdin=b"").decode().strip()
    lines = [f"100644 {empty}\tempty/{n:05}\n" for n in range(20100)]
    repo.git("update-index", "--index-version", str(version), "--index-info", stdin="".join(lines).encode())
    for name in (b"a.bin", b"z.bin"):
        repo.write(name, f"model {name!r}\n", age=30)
    repo.git("add", "a.bin", "z.bin")
    blobs = repo.blobs(b"a.bin", b"z.bin")
    data = repo.index.read_bytes()
    assert b"IEOT" in data
    assert b"EOIE" in data
    repo.materialise(b"a.bin", b"z.bin")
    assert patch_stats(repo.index, repo.root, blobs) == {b"a.bin", b"z.bin"}
    assert repo.git("diff-files", "--name-only", "--", "*.bin") == b""
    assert repo.cleaned() == []


def test_untracked_cache_and_file_monitor(repo: Repo) -> None:
    monitor = repo.root.parent / "monitor.sh"  # says "nothing changed", whatever the token
    monitor.write_text("#!/bin/sh\nprintf 'token\\0'\n")
    monitor.chmod(0o755)
    repo.git("config", "core.untrackedCache", "true")
    repo.git("config", "core.fsmonitor", str(monitor))
    blobs = repo.add_manifests(*NAMES)
    repo.git("commit", "-qm", "manifests")
    repo.git("status")
    assert b"FSMN" in repo.index.read_bytes()
    assert b"UNTR" in repo.index.read_bytes()
    repo.materialise(*NAMES)
    assert patch_stats(repo.index, repo.root, blobs) == set(NAMES)
    repo.assert_clean()
    monitor.write_text("#!/bin/sh\nprintf 'token\\0/\\0'\n")  # everything changed
    repo.assert_clean()
    repo.git("config", "--unset", "core.fsmonitor")
    repo.assert_clean()


def test_a_skipped_checksum_stays_zeros(repo: Repo) -> None:
    blobs = repo.add_manifests(b"a.bin")
    repo.git("commit", "-qm", "manifests")
    data = repo.index.read_bytes()
    repo.index.write_bytes(data[:-20] + bytes(20))
    repo.materialise(b"a.bin")
    assert patch_stats(repo.index, repo.root, blobs) == {b"a.bin"}
    assert repo.index.read_bytes().endswith(bytes(20))
    assert repo.git("diff-files") == b""
    assert repo.cleaned() == []


@pytest.mark.parametrize("size", [2**32 - 1, 2**32, 2**32 + 5, 2**33])
def test_sizes_beyond_32_bits(repo: Repo, size: int) -> None:
    blobs = repo.add_manifests(b"a.bin")
    repo.git("commit", "-qm", "manifests")
    with open(repo.path(b"a.bin"), "r+b") as file:
        file.truncate(size)  # sparse, so it takes no room
    os.utime(repo.path(b"a.bin"), (time.time() - 10,) * 2)
    patch_stats(repo.index, repo.root, blobs)
    expected = size % 2**32 or 2**31
    assert f"size: {expected}\t".encode() in repo.git("ls-files", "--debug", "a.bin")


def test_permissions_and_a_symlinked_index_are_kept(repo: Repo) -> None:
    blobs = repo.add_manifests(b"a.bin")
    repo.materialise(b"a.bin")
    real = repo.root.parent / "real-index"
    repo.index.rename(real)
    real.chmod(0o660)
    repo.index.symlink_to(real)
    assert patch_stats(repo.index, repo.root, blobs) == {b"a.bin"}
    assert repo.index.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o660
    assert repo.git("diff-files") == b""


def test_no_index_and_no_files(repo: Repo) -> None:
    assert patch_stats(repo.root / "no" / "index", repo.root, {b"a": "0" * 40}) == set()
    assert patch_stats(repo.root / "none", repo.root, {b"a": "0" * 40}) == set()
    assert patch_stats(repo.index, repo.root, {}) == set()
    assert not list(repo.root.glob("*.lock"))


def damaged(data: bytes) -> dict[str, bytes]:
    """Broken variants of an index."""

    def sealed(body: bytes) -> bytes:
        return body + hashlib.sha1(body).digest()

    flags = 12 + 60
    return {
        "empty": b"",
        "short": data[:20],
        "truncated": data[:-30],
        "flipped": data[:50] + bytes([data[50] ^ 1]) + data[51:],
        "magic": sealed(b"CRID" + data[4:-20]),
        "too many entries": sealed(data[:8] + struct.pack(">I", 10**6) + data[12:-20]),
        "sealed truncation": sealed(data[:40]),
        "name too long": sealed(data[:flags] + b"\x0f\xfe" + data[flags + 2 : -20]),
        "no terminator": sealed(data[:flags] + b"\x0f\xff" + data[flags + 2 :].replace(b"\0", b"x")),
        "extension cut": sealed(data[:-24]),
    }


@pytest.mark.parametrize(
    ("version", "damage"),
    [(2, damage) for damage in sorted(damaged(bytes(100)))]
    + [(4, "truncated"), (4, "too many entries"), (4, "sealed truncation"), (4, "no terminator")],
)
def test_a_corrupt_index_raises_and_stays(repo: Repo, version: int, damage: str) -> None:
    repo.git("update-index", "--index-version", str(version))
    blobs = repo.add_manifests(*NAMES)
    repo.git("commit", "-qm", "manifests")
    repo.materialise(*NAMES)
    broken = damaged(repo.index.read_bytes())[damage]
    repo.index.write_bytes(broken)
    with pytest.raises(CorruptIndex):
        patch_stats(repo.index, repo.root, blobs)
    assert repo.index.read_bytes() == broken
    assert not repo.index.with_name("index.lock").exists()
    assert refresh_stats(Git(repo.root, repo.env), repo.index, repo.root, blobs) == set()


def test_unknown_versions_and_extensions_are_declined(repo: Repo) -> None:
    blobs = repo.add_manifests(b"a.bin")
    data = repo.index.read_bytes()[:-20]
    for body in (data[:4] + struct.pack(">I", 5) + data[8:], data + b"news" + struct.pack(">I", 3) + b"abc"):
        repo.index.write_bytes(body + hashlib.sha1(body).digest())
        with pytest.raises(UnsupportedIndex):
            patch_stats(repo.index, repo.root, blobs)
        assert refresh_stats(Git(repo.root, repo.env), repo.index, repo.root, blobs) == set()


def test_a_lock_is_waited_for_then_reported(repo: Repo) -> None:
    blobs = repo.add_manifests(b"a.bin")
    repo.materialise(b"a.bin")
    lock = repo.index.with_name("index.lock")
    lock.write_text("someone's")
    with pytest.raises(IndexLocked, match="locked"):
        patch_stats(repo.index, repo.root, blobs, patience=0.01)
    git = Git(repo.root, repo.env)
    assert refresh_stats(git, repo.index, repo.root, blobs, patience=0.01) == set()
    assert lock.read_text() == "someone's"


@pytest.mark.parametrize("configured", [True, False])
def test_a_split_index(repo: Repo, configured: bool) -> None:
    blobs = repo.add_manifests(*NAMES)
    repo.git("commit", "-qm", "manifests")
    if configured:
        repo.git("config", "core.splitIndex", "true")
    repo.git("update-index", "--split-index")
    repo.materialise(*NAMES)
    with pytest.raises(SplitIndex):
        patch_stats(repo.index, repo.root, blobs)
    changed = {**blobs, b"a.bin": "12" * 20}
    git = Git(repo.root, repo.env)
    assert refresh_stats(git, repo.index, repo.root, changed) == set(NAMES) - {b"a.bin"}
    assert repo.status() == [b" M a.bin"]
    assert refresh_stats(git, repo.index, repo.root, blobs) == set(NAMES)
    repo.assert_clean()
    assert b"link" in repo.index.read_bytes()


def test_processes_at_once(repo: Repo) -> None:
    names = [f"{number}.bin".encode() for number in range(4)]
    blobs = repo.add_manifests(*names)
    repo.git("commit", "-qm", "manifests")
    repo.materialise(*names)
    code = (
        "import sys; from pathlib import Path; from git_theta.git.plumbing.index_stat import patch_stats\n"
        "name, oid = sys.argv[1:]\n"
        "for _ in range(20):\n"
        "    assert patch_stats(Path('.git/index'), Path('.'), {name.encode(): oid}, patience=20)"
    )
    source = str(Path(__file__).parents[3])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, name.decode(), oid],
            cwd=repo.root,
            env={**repo.env, "PYTHONPATH": source},
        )
        for name, oid in blobs.items()
    ]
    assert [process.wait() for process in running] == [0] * len(names)
    repo.assert_clean()
