from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pytest

from git_theta.errors import PluginError
from git_theta.store.plugin_remote import PluginRemote
from git_theta.store.remote import Advance, Download, RemoteObject, TransferError, Upload

WANTED = RemoteObject("a" * 64, 1)


class Failing:
    """A remote that raises the same error whatever it's asked, or only in transfers."""

    url = "failing://"
    batch_size = 1

    def __init__(self, error: Exception, *, in_transfers: bool = False) -> None:
        self.error = error
        self.in_transfers = in_transfers
        self.is_closed = False

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        return {WANTED.oid: self._upload} if self.in_transfers else self._fail()

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        return {WANTED.oid: self._download} if self.in_transfers else self._fail()

    def close(self) -> None:
        self.is_closed = True

    def _upload(self, file: BinaryIO, advance: Advance) -> None:
        self._fail()

    def _download(self, file: BinaryIO, start: int, advance: Advance) -> None:
        self._fail()

    def _fail(self) -> Mapping[str, Callable[..., None]]:
        raise self.error


@contextmanager
def guard() -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise PluginError("the remote 'failing' fails") from error


def calls(error: Exception) -> list[Callable[[], object]]:
    """Every call of a remote that raises an error."""
    asked, transfers = (
        PluginRemote(Failing(error), guard),
        PluginRemote(Failing(error, in_transfers=True), guard),
    )
    return [
        lambda: asked.uploads([WANTED]),
        lambda: asked.downloads([WANTED]),
        lambda: transfers.uploads([WANTED])[WANTED.oid](io.BytesIO(), int),
        lambda: transfers.downloads([WANTED])[WANTED.oid](io.BytesIO(), 0, int),
    ]


@pytest.mark.parametrize("call", range(4))
@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (KeyError("x"), PluginError, "the remote 'failing' fails"),
        (PermissionError(13, "Permission denied"), TransferError, "failing://: Permission denied"),
        (TransferError("quota"), TransferError, "quota"),
        (ConnectionResetError(104, "reset"), ConnectionResetError, "reset"),
    ],
)
def test_errors(call: int, error: Exception, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        calls(error)[call]()


def test_a_full_disk_while_downloading_is_this_machine_s() -> None:
    upload, download = calls(OSError(28, "No space left on device"))[2:]
    with pytest.raises(TransferError, match="failing://: No space left"):
        upload()
    with pytest.raises(OSError, match="No space left"):
        download()


def test_connections_are_closed() -> None:
    remote = Failing(KeyError())
    PluginRemote(remote, guard).close()
    assert remote.is_closed
