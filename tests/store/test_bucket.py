from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_theta.errors import CorruptError
from git_theta.store.bucket import BucketRemote
from git_theta.store.names import object_path
from git_theta.store.remote import TransferError
from git_theta.testing.remotes import download_bytes, object_of, sample_bytes, upload_bytes
from tests.helpers import s3
from tests.helpers.ports import free_port
from tests.helpers.remote_contract import RemoteContract

pytest.importorskip("obstore")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server."""
    with s3.serving() as url:
        yield url


@pytest.fixture
def bucket(endpoint: str) -> str:
    """The name of a new bucket."""
    return s3.make_bucket(endpoint)


class TestS3(RemoteContract):
    @pytest.fixture
    def remote(self, endpoint: str, bucket: str) -> BucketRemote:
        return BucketRemote(f"s3://{bucket}/some/prefix", {"AWS_ENDPOINT_URL": endpoint})


class TestFolderUrl(RemoteContract):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> BucketRemote:
        return BucketRemote(f"file://{tmp_path}/bucket", {})


def test_objects_are_below_the_prefix(endpoint: str, bucket: str, tmp_path: Path) -> None:
    environment = {"AWS_ENDPOINT_URL": endpoint}
    upload_bytes(BucketRemote(f"s3://{bucket}/a/b", environment), tmp_path, b"x")
    import urllib.request

    with urllib.request.urlopen(f"{endpoint}/{bucket}?list-type=2") as answer:
        assert f"<Key>a/b/{object_path(object_of(b'x').oid)}</Key>" in answer.read().decode()
    assert (
        download_bytes(BucketRemote(f"s3://{bucket}/a/b/", environment), tmp_path, object_of(b"x"))[0] == b"x"
    )


def test_an_object_of_several_parts(endpoint: str, bucket: str, tmp_path: Path) -> None:
    remote = BucketRemote(f"s3://{bucket}", {"AWS_ENDPOINT_URL": endpoint})
    data = sample_bytes(20_000_000)
    assert upload_bytes(remote, tmp_path, data) == len(data)
    assert download_bytes(remote, tmp_path, object_of(data), data[:10_000_000]) == (data, 10_000_000)


@pytest.mark.parametrize("size", [100, 20_000_000])
def test_damaged_bytes_are_not_sent(tmp_path: Path, size: int) -> None:
    remote = BucketRemote(f"file://{tmp_path}/bucket", {})
    wanted = object_of(sample_bytes(size))
    (tmp_path / "file").write_bytes(sample_bytes(size, seed=1))
    with (tmp_path / "file").open("rb") as file, pytest.raises(CorruptError, match="is damaged"):
        remote.uploads([wanted])[wanted.oid](file, int)
    assert not remote.downloads([wanted])


def test_a_bucket_that_is_not_there(endpoint: str, tmp_path: Path) -> None:
    remote = BucketRemote("s3://nowhere-at-all", {"AWS_ENDPOINT_URL": endpoint})
    with pytest.raises(TransferError, match="no such bucket") as caught:
        upload_bytes(remote, tmp_path, b"x")
    assert not caught.value.retry
    with pytest.raises(TransferError, match="no such bucket"):
        remote.downloads([object_of(b"x")])


def test_a_server_that_is_not_there(endpoint: str) -> None:
    remote = BucketRemote("s3://models", {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(TransferError, match="can't be asked") as caught:
        remote.uploads([object_of(b"x")])
    assert caught.value.retry
    assert "AWS_ENDPOINT_URL" in caught.value.hint
    assert "retries" not in caught.value.message


def test_without_credentials() -> None:
    error = OSError(
        "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 2ms - no"
    )
    remote = BucketRemote("s3://models", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    with (
        pytest.raises(TransferError, match="there are no credentials") as caught,
        remote._transfer_errors("can't be used"),
    ):
        raise error
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint
    assert not caught.value.retry


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(TransferError) as caught:
        BucketRemote("s3://models", {})
    assert "git-theta[buckets]" in caught.value.hint


def test_an_invalid_url() -> None:
    with pytest.raises(TransferError, match="can't be used"):
        BucketRemote("s3://", {})
