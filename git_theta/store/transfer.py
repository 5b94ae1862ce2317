"""Sending objects to a remote and fetching them from it, whatever kind of remote it is.

In parallel, with retries. Each object that arrives is checked against its name before it enters the store,
and a download that breaks off goes on from there, in this process or in a later one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import BinaryIO

from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.store.base import store_errors
from git_theta.store.local import LocalStore
from git_theta.store.partial_download import locked_download
from git_theta.store.remote import Advance, Download, Remote, RemoteObject, TransferError, Upload, batches
from git_theta.store.retry import RetryPolicy, with_retries
from git_theta.store.sha256 import map_file, sha256_hex
from git_theta.store.transfer_pool import Meter, TransferPool, Transferred


def push(
    remote: Remote,
    objects: Sequence[RemoteObject],
    local: LocalStore,
    report: Advance = lambda _: None,
    pace: RetryPolicy | None = None,
) -> Transferred:
    """Send objects that the remote doesn't have. What was sent stays there when others fail.

    Args:
        remote: Where to.
        objects: What to send.
        local: Where from.
        report: Told, from any thread, how many more bytes needn't be sent any more; the sum of all is the
            sum of sizes. Negative when a try failed.
        pace: How hard to try.

    Raises:
        TransferError: The remote can't be reached, or refuses altogether.
        ThetaError: The store can't be read.
    """

    def send(wanted: RemoteObject, action: Upload, meter: Meter) -> None:
        meter.at(0)
        with local.open(wanted.oid) as file:
            size = os.fstat(file.fileno()).st_size
            action(file, meter.advance)
        meter.at(size)

    try:
        return TransferPool(
            remote.uploads, send, lambda _: 0, lambda _: None, report, pace or RetryPolicy()
        ).run(objects, remote.batch_size)
    except OSError as error:
        raise ThetaError(f"can't read the store {local.root}: {error.strerror or error}") from error


def fetch(
    remote: Remote,
    objects: Sequence[RemoteObject],
    local: LocalStore,
    report: Advance = lambda _: None,
    pace: RetryPolicy | None = None,
) -> Transferred:
    """Fetch objects that the store doesn't have. What was fetched stays in the store when others fail.

    Args:
        remote: Where from.
        objects: What to fetch.
        local: Where to.
        report: As for `push`.
        pace: How hard to try.

    Raises:
        TransferError: The remote can't be reached, or refuses altogether.
        ThetaError: The disk is full, or the store can't be written.
    """

    def receive(wanted: RemoteObject, action: Download, meter: Meter) -> None:
        path = local.incoming / wanted.oid
        with locked_download(path, meter.wait) as file:
            if local.has(wanted.oid):
                path.unlink()
                meter.at(local.size(wanted.oid) or 0)
                return
            start = _length(file)
            if wanted.size is not None and start > wanted.size:
                start = file.truncate(0)
            meter.at(start)
            # One that has all of its bytes only lacks the check.
            if start == 0 or start != wanted.size:
                file.seek(start)
                action(file, start, _bounded(file, wanted, meter, remote.url))
            file.flush()
            size = _length(file)
            if wanted.size is not None and size < wanted.size:
                raise TransferError(
                    f"{remote.url} sent only {size} of the {wanted.size} bytes of object {wanted.oid}",
                    retry=True,
                )
            if sha256_hex(map_file(file)) != wanted.oid:
                path.unlink()
                raise _damaged(wanted.oid, remote.url, resumed=start > 0)
            local.adopt(file, path, wanted.oid)
            meter.at(size)

    def kept(wanted: RemoteObject) -> int:
        try:
            return (local.incoming / wanted.oid).stat().st_size
        except FileNotFoundError:
            return 0

    def absent(wanted: RemoteObject) -> ThetaError:
        return MissingObjectError(f"object {wanted.oid} isn't at {remote.url}")

    here = [wanted for wanted in objects if local.has(wanted.oid)]
    for wanted in here:
        report(local.size(wanted.oid) or 0)
    names = {wanted.oid for wanted in here}
    missing = [wanted for wanted in objects if wanted.oid not in names]
    with store_errors(local.root):
        crew = TransferPool(remote.downloads, receive, kept, absent, report, pace or RetryPolicy())
        return crew.run(missing, remote.batch_size, present=len(names))


def remote_has(remote: Remote, objects: Sequence[RemoteObject], pace: RetryPolicy | None = None) -> set[str]:
    """The names of those objects that a remote says it has.

    Raises:
        TransferError: It can't be reached, or refuses.
    """
    found: set[str] = set()
    for some in batches(objects, remote.batch_size):
        found.update(with_retries(partial(remote.downloads, some), pace or RetryPolicy()))
    return found


def remote_lacks(
    remote: Remote, objects: Sequence[RemoteObject], pace: RetryPolicy | None = None
) -> set[str]:
    """The names of those objects that a push would send.

    Raises:
        TransferError: It can't be reached, or refuses.
    """
    found: set[str] = set()
    for some in batches(objects, remote.batch_size):
        found.update(with_retries(partial(remote.uploads, some), pace or RetryPolicy()))
    return found


def _bounded(file: BinaryIO, wanted: RemoteObject, meter: Meter, url: str) -> Advance:
    """Refuses what goes on after an object's end; nothing else would stop it before the disk is full."""

    def advance(count: int) -> None:
        meter.advance(count)
        if wanted.size is not None and file.tell() > wanted.size:
            raise TransferError(f"{url} has something else in place of object {wanted.oid}: it's longer")

    return advance


def _length(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _damaged(oid: str, url: str, resumed: bool) -> ThetaError:
    message = f"object {oid} from {url} arrived damaged: its bytes have another SHA-256"
    if resumed:
        # The beginning that an earlier process left may be to blame.
        return TransferError(message, retry=True)
    return CorruptError(
        message, "nothing was stored; remove it there, then push it again from a clone that has it"
    )
