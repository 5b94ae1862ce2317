"""The contract check for remotes."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from git_theta.errors import ThetaError
from git_theta.store.remote import Remote, RemoteObject, batches

#: Bytes of an object that takes several reads and, at most servers, several packets.
_LARGE = 3_000_001


def check_remote(remote: Remote, *, checks_uploads: bool = True) -> None:
    """Check a remote that has no objects yet. Objects are uploaded to it and stay there.

    Rules: what was uploaded can be downloaded, from the beginning or from where an earlier attempt broke off;
    every byte that is transferred is counted once; objects that the remote has aren't uploaded again, and
    those that it lacks, or has with another size, aren't offered for download; damaged bytes are refused and
    leave nothing behind; many threads can transfer at once; errors are a ThetaError.

    Args:
        remote: The remote, such as `MyKind().open(url, context)` gives for an empty place.
        checks_uploads: Whether the remote refuses damaged bytes. Downloads find the damage in any case.
    """
    assert remote.url, "a remote has a url"
    assert remote.batch_size > 0, f"{remote.url}: batch_size is {remote.batch_size}"
    with TemporaryDirectory() as folder:
        workspace = _Workspace(remote, Path(folder))
        _check_empty_batches(remote)
        _check_missing(remote)
        _check_round_trips(workspace)
        _check_sizes(workspace)
        _check_repeated_uploads(workspace)
        _check_resuming(workspace)
        if checks_uploads:
            _check_damage(workspace)
        _check_many_threads(workspace)


def object_of(data: bytes) -> RemoteObject:
    """The object for some bytes."""
    return RemoteObject(hashlib.sha256(data).hexdigest(), len(data))


def sample_bytes(size: int, seed: int = 0) -> bytes:
    """Deterministic bytes that don't compress."""
    blocks = (hashlib.sha256(b"%d %d" % (seed, block)).digest() for block in range(-(-size // 32)))
    return b"".join(blocks)[:size]


def upload_bytes(remote: Remote, folder: Path, data: bytes) -> int:
    """Upload bytes as an object, from a read-only file, and return how many bytes were counted."""
    return _Workspace(remote, folder).upload(data)


def download_bytes(
    remote: Remote, folder: Path, wanted: RemoteObject, start: bytes = b""
) -> tuple[bytes, int]:
    """Download an object to a file that begins with `start`; returns its bytes, and how many were counted."""
    return _Workspace(remote, folder).download(wanted, start)


class _Workspace:
    """A remote, and a folder for the files that it reads and writes."""

    def __init__(self, remote: Remote, folder: Path) -> None:
        self.remote = remote
        self.folder = folder

    def upload(self, data: bytes, wanted: RemoteObject | None = None) -> int:
        wanted, counts = wanted or object_of(data), list[int]()
        path = self.folder / wanted.oid
        path.write_bytes(data)
        path.chmod(0o444)
        uploads = self.remote.uploads([wanted])
        assert wanted.oid in uploads, f"{self.remote.url} says that it has an object that it lacks"
        try:
            with path.open("rb") as file:
                # An earlier attempt may have read the file.
                file.seek(min(1, len(data)))
                uploads[wanted.oid](file, counts.append)
        finally:
            path.unlink()
        return sum(counts)

    def download(self, wanted: RemoteObject, start: bytes = b"") -> tuple[bytes, int]:
        counts: list[int] = []
        downloads = self.remote.downloads([wanted])
        assert wanted.oid in downloads, f"{self.remote.url} doesn't have an object that was uploaded"
        with (self.folder / f"{wanted.oid}.part").open("w+b") as file:
            file.write(start)
            downloads[wanted.oid](file, len(start), counts.append)
            file.seek(0)
            return file.read(), sum(counts)

    def check_upload(self, data: bytes) -> None:
        counted = self.upload(data)
        assert counted == len(data), f"{self.remote.url} counts {counted} of {len(data)} uploaded bytes"

    def check_download(self, data: bytes, start: bytes, transferred: int) -> None:
        arrived, counted = self.download(object_of(data), start)
        place = f"{self.remote.url}, an object of {len(data)} bytes of which {len(start)} were there"
        assert arrived == data, f"{place}: {len(arrived)} other bytes arrived"
        assert counted == transferred, f"{place}: {counted} downloaded bytes are counted"


def _check_empty_batches(remote: Remote) -> None:
    assert not remote.uploads([]), f"{remote.url} offers uploads although none is asked for"
    assert not remote.downloads([]), f"{remote.url} offers downloads although none is asked for"


def _check_missing(remote: Remote) -> None:
    absent = object_of(b"absent")
    for wanted in (absent, RemoteObject(absent.oid, None)):
        assert not remote.downloads([wanted]), f"{remote.url} offers an object that was never uploaded"
    assert set(remote.uploads([absent])) == {absent.oid}, (
        f"{remote.url} doesn't ask for an object that it lacks"
    )


def _check_round_trips(workspace: _Workspace) -> None:
    for data in (b"", b"the bytes\n\x00 of an object", sample_bytes(_LARGE)):
        workspace.check_upload(data)
        workspace.check_download(data, b"", len(data))


def _check_sizes(workspace: _Workspace) -> None:
    remote, stored = workspace.remote, object_of(b"of six")
    workspace.upload(b"of six")
    assert set(remote.downloads([RemoteObject(stored.oid, None)])) == {stored.oid}, (
        f"{remote.url} needs the size of an object to download it"
    )
    longer = RemoteObject(stored.oid, 7)
    assert not remote.downloads([longer]), f"{remote.url} offers an object whose size is another one"
    assert set(remote.uploads([longer])) == {stored.oid}, f"{remote.url} keeps an object whose size is wrong"


def _check_repeated_uploads(workspace: _Workspace) -> None:
    remote, wanted, path = workspace.remote, object_of(b"twice"), workspace.folder / "twice"
    first, second = remote.uploads([wanted]), remote.uploads([wanted])
    path.write_bytes(b"twice")
    for uploads in (first, second):
        with path.open("rb") as file:
            uploads[wanted.oid](file, int)
    workspace.check_download(b"twice", b"", 5)
    assert not remote.uploads([wanted]), f"{remote.url} asks for an object that it has"


def _check_resuming(workspace: _Workspace) -> None:
    data = sample_bytes(200_000)
    workspace.upload(data)
    for start in (1, 65_536, 199_999):
        arrived, counted = workspace.download(object_of(data), data[:start])
        assert arrived == data, f"{workspace.remote.url} doesn't resume a download at byte {start}"
        assert counted in (len(data), len(data) - start), (
            f"{workspace.remote.url} counts {counted} bytes of a download from byte {start}"
        )


def _check_damage(workspace: _Workspace) -> None:
    remote, wanted = workspace.remote, object_of(sample_bytes(10_000, seed=1))
    try:
        workspace.upload(sample_bytes(10_000, seed=2), wanted)
    except ThetaError as error:
        assert error.message, f"{remote.url} refuses damaged bytes without a message"
    else:
        raise AssertionError(f"{remote.url} takes bytes whose SHA-256 isn't the name of the object")
    assert not remote.downloads([wanted]), f"{remote.url} keeps an object that it refused"
    workspace.check_upload(sample_bytes(10_000, seed=1))


def _check_many_threads(workspace: _Workspace) -> None:
    remote = workspace.remote
    pieces = [sample_bytes(size, seed=size) for size in range(1, 3_000, 50)]
    objects = {object_of(data): data for data in pieces}
    with ThreadPoolExecutor(8) as pool:
        asked = [oid for batch in batches(list(objects), remote.batch_size) for oid in remote.uploads(batch)]
        assert set(asked) == {each.oid for each in objects}, f"{remote.url} offers too few uploads"
        list(pool.map(workspace.check_upload, pieces))
        list(pool.map(lambda data: workspace.check_download(data, b"", len(data)), pieces))
