from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from git_theta.store.bucket import BucketRemote
from git_theta.store.folder import FolderRemote
from git_theta.store.remote import Remote, TransferError
from git_theta.store.remote_factory import SshPlace, objects_folder, remote_at, shared_mode, ssh_place
from git_theta.store.ssh import SshRemote


def at(url: str, base: Path) -> Remote:
    return remote_at(
        url, http=lambda address: FolderRemote(Path("lfs") / address), ssh=["ssh"], environment={}, base=base
    )


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    for url in ("a b", str(tmp_path / "a b"), f"file://{tmp_path}/a%20b"):
        remote = at(url, tmp_path)
        assert isinstance(remote, FolderRemote)
        assert remote.url == str(tmp_path / "a b")


def test_a_folder_with_a_colon_is_no_host(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    assert isinstance(at("a:b", tmp_path), FolderRemote)
    assert isinstance(at("./x:y", tmp_path), FolderRemote)


def test_repositories_have_a_folder_for_objects(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "bare.git"], check=True)
    subprocess.run(["git", "init", "-q", tmp_path / "work"], check=True)
    assert objects_folder(tmp_path / "bare.git") == tmp_path / "bare.git/theta"
    assert objects_folder(tmp_path / "bare") == tmp_path / "bare.git/theta"
    assert objects_folder(tmp_path / "work") == tmp_path / "work/.git/theta"
    assert objects_folder(tmp_path) == tmp_path


def test_lfs_servers(tmp_path: Path) -> None:
    assert at("https://host/path", tmp_path).url == "lfs/https:/host/path"


def test_buckets(tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    remote = at("s3://bucket/prefix", tmp_path)
    assert isinstance(remote, BucketRemote)
    assert remote.url == "s3://bucket/prefix"


def test_ssh(tmp_path: Path) -> None:
    remote = at("ssh://me@host:22/a/b.git", tmp_path)
    assert isinstance(remote, SshRemote)
    assert remote.url == "ssh://me@host:22/a/b.git"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("ssh://host/a", SshPlace("host", None, "/a")),
        ("ssh://me@host:2222/a%20b.git", SshPlace("me@host", 2222, "/a b.git")),
        ("git+ssh://host/~me/a", SshPlace("host", None, "~me/a")),
        ("ssh://[::1]:22/a", SshPlace("::1", 22, "/a")),
        ("me@host:a/b.git", SshPlace("me@host", None, "a/b.git")),
        ("host:/a", SshPlace("host", None, "/a")),
        ("[::1]:a", SshPlace("::1", None, "a")),
        ("https://host/a", None),
        ("/a:b", None),
        ("../a:b", None),
        ("a", None),
    ],
)
def test_places_reached_by_ssh(url: str, place: SshPlace | None) -> None:
    assert ssh_place(url) == place


@pytest.mark.parametrize(
    "url", ["ftp://host/a", "file://host/a", "ssh://host:x/a", "ssh://-oProxyCommand=x/a"]
)
def test_what_is_no_place(url: str, tmp_path: Path) -> None:
    with pytest.raises(TransferError):
        at(url, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://joe:s3cret@host/a",
        "gcs://joe:s3cret@host/a",
        "ssh://joe:s3cret@host:bad/a",
        "file://joe:s3cret@host/a",
    ],
)
def test_passwords_are_not_shown(url: str, tmp_path: Path) -> None:
    with pytest.raises(TransferError) as caught:
        at(url, tmp_path)
    assert "s3cret" not in str(caught.value)
    assert "host" in caught.value.message


@pytest.mark.parametrize(
    ("value", "mode"),
    [("group", 0o660), ("TRUE", 0o660), ("all", 0o664), ("0640", 0o640), ("umask", None), ("", None)],
)
def test_shared_repositories(value: str, mode: int | None) -> None:
    assert shared_mode(value) == mode
