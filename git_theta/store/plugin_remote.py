"""A remote of an installed package, whose errors name the package or the place: no error is a traceback."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import BinaryIO

from git_theta.store.remote import Advance, Download, Remote, RemoteObject, TransferError, Upload

_FULL = (errno.ENOSPC, errno.EDQUOT)


class PluginRemote:
    """A remote that does what another one does, and raises a `ThetaError` where that raises anything else.

    `ConnectionError` and `TimeoutError` pass, as the transfer tries again then.

    Args:
        remote: The other remote.
        guard: Makes a context in which errors become a `PluginError`; see `Registry.guard`.
    """

    def __init__(self, remote: Remote, guard: Callable[[], AbstractContextManager[None]]) -> None:
        with guard():
            self.url = remote.url
            self.batch_size = remote.batch_size
        self._remote = remote
        self._guard = guard

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        """See `Remote.uploads`."""
        with self._errors():
            found = self._remote.uploads(objects)
            return {oid: partial(self._upload, upload) for oid, upload in found.items()}

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        """See `Remote.downloads`."""
        with self._errors():
            found = self._remote.downloads(objects)
            return {oid: partial(self._download, download) for oid, download in found.items()}

    def close(self) -> None:
        """Close the other remote's connections, if it keeps any."""
        close = getattr(self._remote, "close", None)
        if close:
            with self._errors():
                close()

    def _upload(self, upload: Upload, file: BinaryIO, advance: Advance) -> None:
        with self._errors():
            upload(file, advance)

    def _download(self, download: Download, file: BinaryIO, start: int, advance: Advance) -> None:
        # A full disk is this machine's, and ends the whole fetch.
        with self._errors(passing=_FULL):
            download(file, start, advance)

    @contextmanager
    def _errors(self, passing: Sequence[int] = ()) -> Iterator[None]:
        try:
            with self._guard():
                yield
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            if error.errno in passing:
                raise
            raise TransferError(f"{self.url}: {error.strerror or error}") from error
