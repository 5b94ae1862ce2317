from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from git_theta.store.bucket import BucketRemote
from git_theta.store.folder import FolderRemote
from git_theta.store.lfs.client import LfsRemote
from git_theta.store.remote import Remote, RemoteContext, TransferError
from git_theta.store.remote_factory import open_url, registry
from git_theta.store.ssh import SshRemote
from git_theta.testing import check_remote
from tests.helpers import plugins


def open_at(url: str, folder: Path, **settings: str) -> Remote:
    return open_url(url, RemoteContext(folder, {}, settings))


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    for url in ("a b", str(tmp_path / "a b"), f"file://{tmp_path}/a%20b"):
        remote = open_at(url, tmp_path)
        assert isinstance(remote, FolderRemote)
        assert remote.url == str(tmp_path / "a b")


def test_a_folder_whose_name_looks_like_a_host(tmp_path: Path) -> None:
    """As for Git, the text leads to the host, whatever a stranger's commit put into the folder."""
    (tmp_path / "a:b").mkdir()
    assert isinstance(open_at("a:b", tmp_path), SshRemote)
    assert isinstance(open_at("./x:y", tmp_path), FolderRemote)


def test_lfs_servers(tmp_path: Path) -> None:
    remote = open_at("HTTPS://me:secret@host/path/", tmp_path)
    assert isinstance(remote, LfsRemote)
    assert remote.url == "https://host/path"


def test_buckets(tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    remote = open_at("s3://bucket/prefix", tmp_path)
    assert isinstance(remote, BucketRemote)
    assert remote.url == "s3://bucket/prefix"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ssh://me@host:22/a/b.git", "ssh://me@host:22/a/b.git"),
        ("git+ssh://host/a", "ssh://host/a"),
        ("me@host:a/b.git", "ssh://me@host/a/b.git"),
    ],
)
def test_hosts_that_ssh_reaches(url: str, shown: str, tmp_path: Path) -> None:
    remote = open_at(url, tmp_path)
    assert isinstance(remote, SshRemote)
    assert remote.url == shown


@pytest.mark.parametrize(
    "url", ["ftp://host/a", "file://host/a", "ssh://host:x/a", "ssh://-oProxyCommand=x/a"]
)
def test_urls_that_cannot_be_opened(url: str, tmp_path: Path) -> None:
    with pytest.raises(TransferError):
        open_at(url, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://joe:s3cret@host/a",
        "gcs://joe:s3cret@host/a",
        "ssh://joe:s3cret@host:bad/a",
        "file://joe:s3cret@host/a",
    ],
)
def test_errors_show_no_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(TransferError) as caught:
        open_at(url, tmp_path)
    assert "s3cret" not in str(caught.value)
    assert "host" in caught.value.message


def test_an_unknown_scheme_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="'ftp'; known: http, https, s3") as caught:
        open_at("ftp://host/a", tmp_path)
    assert "git_theta.remotes" in caught.value.hint


MIRROR = """
from git_theta.store.folder import FolderRemote

class Mirror:
    def open(self, url, context):
        if url.endswith("broken"):
            raise RuntimeError("out of order")
        return FolderRemote(context.folder / url.partition("://")[2])
"""


@pytest.fixture
def offered(tmp_path: Path) -> Iterator[None]:
    """A package that offers the scheme `mirror`, whose URLs name a folder, and would like to have `s3`."""
    points = {"git_theta.remotes:mirror": "Mirror", "git_theta.remotes:s3": "Mirror"}
    plugins.install(tmp_path / "packages", "mirror-remote", points, MIRROR)
    with plugins.importable(tmp_path / "packages"):
        yield


@pytest.mark.usefixtures("offered")
def test_a_scheme_of_a_package(tmp_path: Path) -> None:
    remote = open_at("Mirror://x", tmp_path)
    assert remote.url == str(tmp_path / "x")
    check_remote(remote)


@pytest.mark.usefixtures("offered")
def test_a_kind_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match=r"mirror://broken can't be opened: .* RuntimeError") as caught:
        open_at("mirror://broken", tmp_path)
    assert "mirror-remote 1.0" in caught.value.message


@pytest.mark.usefixtures("offered")
def test_built_in_schemes_cannot_be_taken_over(tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    assert isinstance(open_at("s3://bucket", tmp_path), BucketRemote)


def test_every_scheme_has_a_kind_that_can_be_loaded() -> None:
    kinds = registry()
    assert {offer.name for offer in kinds.offers() if offer.health.state == "ok"} >= {
        "s3",
        "ssh",
        "file",
        "https",
    }
