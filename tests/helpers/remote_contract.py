"""Tests of every kind of remote, to inherit; the contract that plugins share is in `git_theta.testing`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from git_theta.store.remote import Remote, RemoteObject, TransferError
from git_theta.testing import check_remote
from git_theta.testing.remotes import download_bytes, object_of, sample_bytes, upload_bytes


class RemoteContract:
    """Inherit, and define a fixture `remote`."""

    #: Whether the remote refuses damaged bytes.
    checks_uploads = True

    def test_the_contract_of_plugins(self, remote: Remote) -> None:
        check_remote(remote, checks_uploads=self.checks_uploads)

    def test_a_download_of_which_every_byte_is_there(self, remote: Remote, tmp_path: Path) -> None:
        data = sample_bytes(200_000)
        upload_bytes(remote, tmp_path, data)
        assert download_bytes(remote, tmp_path, object_of(data), data) == (data, 0)
        assert download_bytes(remote, tmp_path, object_of(data), data[:65_536]) == (data, 200_000 - 65_536)

    def test_a_beginning_longer_than_the_object_is_dropped(self, remote: Remote, tmp_path: Path) -> None:
        upload_bytes(remote, tmp_path, b"short")
        assert download_bytes(remote, tmp_path, object_of(b"short"), b"much longer") == (b"short", 5)

    @pytest.mark.parametrize("oid", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
    def test_names_are_checked(self, remote: Remote, oid: str) -> None:
        with pytest.raises(ValueError, match="isn't an object name"):
            remote.uploads([RemoteObject(oid, 1)])
        with pytest.raises(ValueError, match="isn't an object name"):
            remote.downloads([RemoteObject(oid, 1)])

    def test_a_file_that_breaks_leaves_nothing(self, remote: Remote, tmp_path: Path) -> None:
        data = sample_bytes(20_000_000)
        (tmp_path / "file").write_bytes(data)
        with (tmp_path / "file").open("rb") as opened, pytest.raises((TransferError, OSError)):
            remote.uploads([object_of(data)])[object_of(data).oid](BreakingFile(opened), int)  # type: ignore[arg-type]
        assert not remote.downloads([object_of(data)])
        # And the remote can still be used.
        upload_bytes(remote, tmp_path, b"next")
        assert download_bytes(remote, tmp_path, object_of(b"next"))[0] == b"next"


class BreakingFile(io.RawIOBase):
    """A file that can't be read to its end."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.name = 0

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        if self._file.tell() > 9_000_000:
            raise OSError(5, "the disk is broken")
        return self._file.read(size)
