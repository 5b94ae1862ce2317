"""What a remote is: a place elsewhere that objects are sent to and fetched from.

A remote only says what is to be done for an object; `transfer` does it, for every kind of remote alike: in
parallel, with retries and progress, and with each arriving object checked against its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Protocol

from git_theta.errors import ThetaError
from git_theta.store.credential import Credential

#: Told the number of bytes that went over the line since it was last told.
Advance = Callable[[int], object]

#: Sends the bytes of an open file, from its beginning, and returns when the remote has confirmed them.
Upload = Callable[[BinaryIO, Advance], None]

#: Writes an object's bytes to an open file that has the first so many of them already, for which a transfer
#: broke off; if the remote can't go on there, truncates the file and begins again.
Download = Callable[[BinaryIO, int, Advance], None]


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """An object to transfer.

    Attributes:
        oid: Its name, SHA-256 of its bytes.
        size: Its size in bytes; `None` if that isn't known, which only a download may have.
    """

    oid: str
    size: int | None

    def fits(self, size: int | None) -> bool:
        """Whether a file of that size, or `None` if there's none, can be the object."""
        return size is not None and self.size in (None, size)


class TransferError(ThetaError):
    """An object couldn't be transferred.

    Attributes:
        retry: Whether trying again may help.
        after: Seconds to wait before that; `None` for the usual delay.
        renew: Whether the action must be asked for again, because it has expired.
        tries: How often it's worth trying at most; `None` for as often as usual.
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
    """A place elsewhere. Safe to use from many threads.

    Attributes:
        url: Where it is, as shown to users: without a password.
        batch_size: How many objects one call of `uploads` or `downloads` takes at most.
        pointers: Whether the server removes objects that no Git LFS pointer in the repository names.
    """

    url: str
    batch_size: int
    pointers: bool

    @property
    def credential(self) -> Credential | None:
        """The user name and the password that it was reached with, if it asked for any."""
        ...

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        """How to send those objects that the remote doesn't have, by name; the others aren't in the result.

        Raises:
            TransferError: The remote can't be reached, or refuses.
        """
        ...

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        """How to fetch those objects that the remote has, by name; the others aren't in the result.

        Raises:
            TransferError: The remote can't be reached, or refuses.
        """
        ...


def batches(objects: Sequence[RemoteObject], size: int) -> Iterator[list[RemoteObject]]:
    """Objects in as many as one call may have."""
    rest = iter(objects)
    while some := list(islice(rest, size)):
        yield some
