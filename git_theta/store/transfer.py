"""Uploads to a remote and downloads from it, whatever kind of remote it is.

Many objects are transferred in parallel, with retries. Each object that arrives is checked against its name
before it enters the store. A download that breaks off is resumed, in this process or in a later one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO

from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.store.base import store_errors
from git_theta.store.local import LocalStore
from git_theta.store.partial_download import locked_download
from git_theta.store.remote import Advance, Download, Remote, RemoteObject, TransferError, Upload, batches
from git_theta.store.retry import RetryPolicy, with_retries
from git_theta.store.sha256 import map_file, sha256_hex
from git_theta.store.transfer_pool import MAX_THREADS, Meter, TransferPool, Transferred

_DEFAULT = RetryPolicy()


def push(
    remote: Remote,
    objects: Sequence[RemoteObject],
    local: LocalStore,
    report: Advance = lambda _: None,
    policy: RetryPolicy = _DEFAULT,
) -> Transferred:
    """Upload objects that the remote doesn't have. Uploaded objects stay there when others fail.

    Args:
        remote: The remote.
        objects: The objects, with their sizes.
        local: The store that has the objects.
        report: Called from any thread with how many bytes fewer remain to be sent, negative after a failed
            attempt. The sum of all calls is the size of all objects.
        policy: Limits of retries.

    Raises:
        TransferError: The remote can't be reached, or refuses altogether.
        ThetaError: The store can't be read.
    """

    def upload(wanted: RemoteObject, action: Upload, meter: Meter) -> None:
        meter.move_to(0)
        with local.open(wanted.oid) as file:
            size = os.fstat(file.fileno()).st_size
            action(file, meter.advance)
        meter.move_to(size)

    pool = TransferPool(remote.uploads, upload, lambda _: 0, lambda _: None, report, policy)
    try:
        return pool.run(objects, remote.batch_size)
    except OSError as error:
        raise ThetaError(f"can't read the store {local.root}: {error.strerror or error}") from error


def fetch(
    remote: Remote,
    objects: Sequence[RemoteObject],
    local: LocalStore,
    report: Advance = lambda _: None,
    policy: RetryPolicy = _DEFAULT,
    max_threads: int = MAX_THREADS,
) -> Transferred:
    """Download objects that the store doesn't have. Downloaded objects stay there when others fail.

    Args:
        remote: The remote.
        objects: The objects.
        local: The store that lacks them.
        report: As for `push`.
        policy: Limits of retries.
        max_threads: The most objects to download at once.

    Raises:
        TransferError: The remote can't be reached, or refuses altogether.
        ThetaError: The disk is full, or the store can't be written.
    """
    here = [wanted for wanted in objects if local.has(wanted.oid)]
    for wanted in here:
        report(local.size(wanted.oid) or 0)
    names = {wanted.oid for wanted in here}
    missing = [wanted for wanted in objects if wanted.oid not in names]

    def download(wanted: RemoteObject, action: Download, meter: Meter) -> None:
        with locked_download(local.incoming / wanted.oid, meter.wait) as file:
            _download(remote, wanted, action, meter, file, local)

    def bytes_kept(wanted: RemoteObject) -> int:
        try:
            return (local.incoming / wanted.oid).stat().st_size
        except FileNotFoundError:
            return 0

    def missing_there(wanted: RemoteObject) -> ThetaError:
        return MissingObjectError(f"object {wanted.oid} isn't at {remote.url}")

    pool = TransferPool(remote.downloads, download, bytes_kept, missing_there, report, policy, max_threads)
    with store_errors(local.root):
        return pool.run(missing, remote.batch_size, present=len(names))


def remote_has(remote: Remote, objects: Sequence[RemoteObject], policy: RetryPolicy = _DEFAULT) -> set[str]:
    """Names of those objects that a remote has, as it says.

    Raises:
        TransferError: The remote can't be reached, or refuses.
    """
    return _asked(remote.downloads, remote, objects, policy)


def remote_lacks(remote: Remote, objects: Sequence[RemoteObject], policy: RetryPolicy = _DEFAULT) -> set[str]:
    """Names of those objects that a push would upload.

    Raises:
        TransferError: The remote can't be reached, or refuses.
    """
    return _asked(remote.uploads, remote, objects, policy)


def _asked(
    ask: Callable[[Sequence[RemoteObject]], Mapping[str, Any]],
    remote: Remote,
    objects: Sequence[RemoteObject],
    policy: RetryPolicy,
) -> set[str]:
    found: set[str] = set()
    for batch in batches(objects, remote.batch_size):
        found.update(with_retries(partial(ask, batch), policy))
    return found


def _download(
    remote: Remote, wanted: RemoteObject, action: Download, meter: Meter, file: BinaryIO, local: LocalStore
) -> None:
    """Download what a file in `incoming` lacks of an object, check it, and move it into the store.

    Raises:
        TransferError: Bytes are missing, or too many came.
        CorruptError: The bytes have another SHA-256.
    """
    path = local.incoming / wanted.oid
    if local.has(wanted.oid):
        # Another process was faster.
        path.unlink()
        meter.move_to(local.size(wanted.oid) or 0)
        return
    start = _length(file)
    if wanted.size is not None and start > wanted.size:
        start = file.truncate(0)
    meter.move_to(start)
    # A partial download that has all of its bytes only lacks the check.
    if start == 0 or start != wanted.size:
        file.seek(start)
        action(file, start, _bounded(file, wanted, meter, remote.url))
    file.flush()
    size = _length(file)
    if wanted.size is not None and size < wanted.size:
        raise TransferError(
            f"{remote.url} sent only {size} of the {wanted.size} bytes of object {wanted.oid}", retry=True
        )
    if sha256_hex(map_file(file)) != wanted.oid:
        path.unlink()
        raise _damaged(wanted.oid, remote.url, resumed=start > 0)
    local.adopt(file, path, wanted.oid)
    meter.move_to(size)


def _bounded(file: BinaryIO, wanted: RemoteObject, meter: Meter, url: str) -> Advance:
    """A callback that stops a download longer than the object, which could otherwise fill the disk."""

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
        # The damage may be in the bytes that an earlier process left.
        return TransferError(message, retry=True)
    return CorruptError(
        message, "nothing was stored; remove it there, then push it again from a clone that has it"
    )
