"""Remotes: places that objects are uploaded to and downloaded from. The protocols of remote plugins are here.

A remote only says how each object is transferred. `git_theta.store.transfer` does it, for every kind of
remote alike: in parallel, with retries and progress, and with a check of each object that arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

from git_theta.errors import ThetaError
from git_theta.store.credential import Credentials

#: Called with the number of bytes that were transferred since the last call.
Advance = Callable[[int], object]

#: Uploads the bytes of an open file, from its beginning, and returns once the remote has confirmed them.
Upload = Callable[[BinaryIO, Advance], None]

#: Downloads an object to an open file. The number is an offset in bytes: the file has the bytes before it
#: from an earlier attempt, and is at that position. A remote that can't resume there truncates the file and
#: begins again.
Download = Callable[[BinaryIO, int, Advance], None]


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """An object to transfer.

    Attributes:
        oid: Name of the object: the SHA-256 of its bytes, 64 hexadecimal digits.
        size: Size in bytes; `None` if unknown, which only happens in downloads.
    """

    oid: str
    size: int | None

    def fits(self, size: int | None) -> bool:
        """Whether a stored file can be the object.

        Args:
            size: Size of the file in bytes; `None` if there's no file.
        """
        return size is not None and self.size in (None, size)


class TransferError(ThetaError):
    """An object couldn't be transferred.

    Attributes:
        retry: Whether another attempt may succeed.
        after: Seconds to wait before that; `None` for the usual delay.
        renew: Whether the upload or download has expired, so that the remote has to be asked for another.
        tries: The most attempts that make sense; `None` for as many as usual.
    """

    exit_code = 8

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        retry: bool = False,
        after: float | None = None,
        renew: bool = False,
        tries: int | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.retry = retry
        self.after = after
        self.renew = renew
        self.tries = tries


class Remote(Protocol):
    """A place for objects. Safe to use from many threads.

    A remote that keeps connections open may have a method `close()`, which is called at the end.

    Attributes:
        url: The place, as shown to users: without a password.
        batch_size: The most objects that one call of `uploads` or `downloads` takes.
    """

    url: str
    batch_size: int

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        """Functions that upload the objects that the remote doesn't have, by name.

        An object that isn't in the result needs no upload.

        Raises:
            TransferError: The remote can't be reached, or refuses.
        """
        ...

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        """Functions that download the objects that the remote has, by name.

        An object that isn't in the result is missing at the remote.

        Raises:
            TransferError: The remote can't be reached, or refuses.
        """
        ...


@dataclass(frozen=True, slots=True)
class RemoteContext:
    """Settings that opening a remote may need besides the URL.

    Attributes:
        folder: The folder that a relative path starts from.
        environment: Environment variables.
        settings: Git's settings, with lower-case keys.
        credentials: Source of user names and passwords; `None` if nobody can be asked.
        ref: Full name of the only branch or tag that is pushed; `None` if unknown. Some servers restrict it.
    """

    folder: Path
    environment: Mapping[str, str]
    settings: Mapping[str, str]
    credentials: Credentials | None = None
    ref: str | None = None


class RemoteKind(Protocol):
    """A plugin that opens the URLs of a scheme: the scheme is the name of its entry point."""

    def open(self, url: str, context: RemoteContext) -> Remote:
        """The remote at a URL. No connection is made yet.

        Raises:
            TransferError: The URL isn't valid, or something that the remote needs isn't installed.
        """
        ...


def batches(objects: Sequence[RemoteObject], size: int) -> Iterator[list[RemoteObject]]:
    """The objects in lists of at most `size`."""
    rest = iter(objects)
    while some := list(islice(rest, size)):
        yield some
