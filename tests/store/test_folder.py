from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_theta.store.folder import FolderKind, FolderRemote
from git_theta.store.local import LocalStore
from git_theta.store.names import object_path
from git_theta.store.remote import RemoteContext, TransferError
from git_theta.testing.remotes import download_bytes, object_of, sample_bytes, upload_bytes
from tests.helpers.remote_contract import RemoteContract


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "there" / "theta"


@pytest.fixture
def remote(folder: Path) -> FolderRemote:
    folder.parent.mkdir()
    return FolderRemote(folder)


def test_a_bundle_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "all.bundle").write_bytes(b"# v2 git bundle\n")
    context = RemoteContext(folder=tmp_path, environment={}, settings={})
    for url in ("all.bundle", f"file://{tmp_path}/all.bundle"):
        with pytest.raises(TransferError, match="is a file: a bundle has Git's commits") as caught:
            FolderKind().open(url, context)
        assert "git remote add NAME URL" in caught.value.hint


class TestFolder(RemoteContract):
    pass


def permissions(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_objects_are_laid_out_as_in_a_store(remote: FolderRemote, folder: Path, tmp_path: Path) -> None:
    upload_bytes(remote, tmp_path, b"x")
    store = LocalStore(folder)
    store.verify(object_of(b"x").oid)
    assert permissions(store.path(object_of(b"x").oid)) == 0o444
    assert list(store.tmp.iterdir()) == []


def send_from_store(remote: FolderRemote, store: LocalStore, data: bytes) -> str:
    oid = store.put([data])
    with store.open(oid) as file:
        remote.uploads([object_of(data)])[oid](file, int)
    return oid


def test_objects_are_linked_on_one_file_system(remote: FolderRemote, folder: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "here")
    oid = send_from_store(remote, store, b"x")
    assert os.path.samefile(store.path(oid), folder / object_path(oid))
    assert list((folder / "tmp").iterdir()) == []


def test_a_file_whose_name_is_taken_by_another_is_copied(
    remote: FolderRemote, folder: Path, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "here")
    oid = store.put([b"x"])
    path = store.path(oid)
    with path.open("rb") as file:
        path.rename(tmp_path / "moved")
        path.write_bytes(b"y")
        path.chmod(0o444)
        remote.uploads([object_of(b"x")])[oid](file, int)
    assert (folder / object_path(oid)).read_bytes() == b"x"


@pytest.mark.parametrize("mode", [None, 0o660])
def test_damaged_bytes_are_refused(folder: Path, tmp_path: Path, mode: int | None) -> None:
    folder.parent.mkdir()
    remote = FolderRemote(folder, mode)
    store = LocalStore(tmp_path / "here")
    oid = store.put([b"x"])
    store.path(oid).chmod(0o644)
    store.path(oid).write_bytes(b"y")
    store.path(oid).chmod(0o444)
    with store.path(oid).open("rb") as file, pytest.raises(TransferError, match="is damaged"):
        remote.uploads([object_of(b"x")])[oid](file, int)
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert store.path(oid).exists()


def test_an_object_that_was_cut_off_is_replaced(remote: FolderRemote, folder: Path, tmp_path: Path) -> None:
    upload_bytes(remote, tmp_path, b"whole")
    path = folder / object_path(object_of(b"whole").oid)
    path.unlink()
    path.write_bytes(b"who")
    upload_bytes(remote, tmp_path, b"whole")
    assert path.read_bytes() == b"whole"


@pytest.mark.parametrize(("mode", "file", "directory"), [(0o660, 0o440, 0o770), (0o664, 0o444, 0o775)])
def test_a_shared_folder(folder: Path, tmp_path: Path, mode: int, file: int, directory: int) -> None:
    folder.parent.mkdir()
    here = LocalStore(tmp_path / "here")
    umask = os.umask(0o077)
    try:
        oid = send_from_store(FolderRemote(folder, mode), here, b"x")
    finally:
        os.umask(umask)
    path = folder / object_path(oid)
    assert permissions(path) == file
    assert permissions(here.path(oid)) == 0o400
    for above in (path.parent, path.parent.parent, folder / "objects", folder / "tmp", folder):
        assert permissions(above) == directory | 0o2000


def test_a_share_that_is_not_mounted(tmp_path: Path) -> None:
    remote = FolderRemote(tmp_path / "share" / "models")
    with pytest.raises(TransferError, match="isn't there") as caught:
        remote.uploads([object_of(b"x")])
    assert "mounted" in caught.value.hint
    assert not (tmp_path / "share").exists()


def test_a_file_in_the_way(folder: Path, tmp_path: Path) -> None:
    folder.parent.mkdir()
    folder.write_bytes(b"")
    remote = FolderRemote(folder)
    with pytest.raises(TransferError, match="can't be read: Not a directory"):
        remote.uploads([object_of(b"x")])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mounted, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    remote = FolderRemote(small_disk / "theta")
    with pytest.raises(TransferError, match="No space left") as caught:
        upload_bytes(remote, tmp_path, sample_bytes(3_000_000))
    assert "free some disk space" in caught.value.hint
    assert not caught.value.retry
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []
    upload_bytes(remote, tmp_path, b"small")
    assert download_bytes(remote, tmp_path, object_of(b"small"))[0] == b"small"


def test_a_full_disk_of_the_receiver_is_not_the_folders(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.FileIO):
        def write(self, _data: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("git_theta.store.folder._clone", lambda *_: False)
    folder.parent.mkdir()
    remote = FolderRemote(folder)
    upload_bytes(remote, tmp_path, b"x")
    wanted = object_of(b"x")
    with Full(tmp_path / "got", "w") as file, pytest.raises(OSError, match="No space left"):
        remote.downloads([wanted])[wanted.oid](file, 0, lambda _: None)  # type: ignore[arg-type]


def test_a_folder_on_a_read_only_file_system(small_disk: Path, tmp_path: Path) -> None:
    remote = FolderRemote(small_disk / "theta")
    upload_bytes(remote, tmp_path, b"x")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert download_bytes(remote, tmp_path, object_of(b"x"))[0] == b"x"
    with pytest.raises(TransferError, match="Read-only") as caught:
        upload_bytes(remote, tmp_path, b"y")
    assert "permission" in caught.value.hint


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_an_object_that_is_no_regular_file_is_not_there(
    remote: FolderRemote, folder: Path, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    upload_bytes(remote, tmp_path, b"x")
    wanted = object_of(b"x")
    (download,) = remote.downloads([wanted]).values()
    path = folder / object_path(wanted.oid)
    path.unlink()
    make(path)
    assert remote.downloads([wanted]) == {}
    assert remote.uploads([wanted]).keys() == {wanted.oid}
    with (tmp_path / "partial").open("w+b") as file, pytest.raises(TransferError, match="can't be fetched"):
        download(file, 0, int)


@pytest.mark.parametrize(("shared", "directory"), [("group", 0o2770), ("all", 0o2775), ("umask", 0o700)])
def test_a_repository_decides_who_shares_it(tmp_path: Path, shared: str, directory: int) -> None:
    """The sender's own setting is that of another repository."""
    subprocess.run(["git", "init", "-q", "--bare", f"--shared={shared}", tmp_path / "hub.git"], check=True)
    context = RemoteContext(folder=tmp_path, environment={}, settings={"core.sharedrepository": "0666"})
    umask = os.umask(0o077)
    try:
        oid = send_from_store(FolderKind().open("hub.git", context), LocalStore(tmp_path / "here"), b"x")
    finally:
        os.umask(umask)
    path = tmp_path / "hub.git" / "theta" / object_path(oid)
    assert permissions(path.parent) == permissions(tmp_path / "hub.git" / "theta") == directory
