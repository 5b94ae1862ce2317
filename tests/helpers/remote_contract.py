"""What every remote must do, whatever it's made of: tests of a kind are a class that inherits these."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from git_theta.store.remote import Remote, RemoteObject, TransferError


def named(data: bytes) -> RemoteObject:
    return RemoteObject(hashlib.sha256(data).hexdigest(), len(data))


def varied(size: int, seed: int = 0) -> bytes:
    """Bytes with every value in them, which no compression makes small."""
    return b"".join(hashlib.sha256(b"%d %d" % (seed, block)).digest() for block in range(-(-size // 32)))[
        :size
    ]


def send(remote: Remote, folder: Path, data: bytes) -> int:
    """Send bytes as an object from a file, and return how many were counted."""
    wanted, counts = named(data), [0]
    path = folder / wanted.oid
    path.write_bytes(data)
    path.chmod(0o444)
    with path.open("rb") as file:
        # The file may have been read for another attempt.
        file.seek(min(1, len(data)))
        remote.uploads([wanted])[wanted.oid](file, counts.append)
    path.unlink()
    return sum(counts)


def receive(remote: Remote, folder: Path, wanted: RemoteObject, have: bytes = b"") -> tuple[bytes, int]:
    """Fetch an object after a beginning; returns its bytes, and how many were counted."""
    counts = [0]
    with (folder / f"{wanted.oid}.part").open("w+b") as file:
        file.write(have)
        remote.downloads([wanted])[wanted.oid](file, len(have), counts.append)
        file.seek(0)
        return file.read(), sum(counts)


class RemoteContract:
    """Inherit, and define a fixture `remote`."""

    def test_what_is_sent_can_be_fetched(self, remote: Remote, tmp_path: Path) -> None:
        data = b"the bytes\n\x00 of an object"
        assert send(remote, tmp_path, data) == len(data)
        assert receive(remote, tmp_path, named(data)) == (data, len(data))

    def test_what_is_there_is_not_sent_again(self, remote: Remote, tmp_path: Path) -> None:
        send(remote, tmp_path, b"one")
        assert set(remote.uploads([named(b"one"), named(b"two")])) == {named(b"two").oid}

    def test_sending_twice_at_once_does_no_harm(self, remote: Remote, tmp_path: Path) -> None:
        wanted = named(b"twice")
        first, second = remote.uploads([wanted]), remote.uploads([wanted])
        for uploads in (first, second):
            path = tmp_path / "file"
            path.write_bytes(b"twice")
            with path.open("rb") as file:
                uploads[wanted.oid](file, int)
        assert receive(remote, tmp_path, wanted)[0] == b"twice"

    def test_what_is_missing_is_left_out(self, remote: Remote, tmp_path: Path) -> None:
        send(remote, tmp_path, b"one")
        unsized = RemoteObject(named(b"one").oid, None)
        assert set(remote.downloads([unsized, named(b"two")])) == {unsized.oid}

    def test_an_object_of_another_size_is_not_there(self, remote: Remote, tmp_path: Path) -> None:
        send(remote, tmp_path, b"one")
        longer = RemoteObject(named(b"one").oid, 4)
        assert not remote.downloads([longer])
        assert set(remote.uploads([longer])) == {longer.oid}

    def test_nothing_is_asked_for(self, remote: Remote) -> None:
        assert not remote.uploads([])
        assert not remote.downloads([])

    def test_the_empty_object(self, remote: Remote, tmp_path: Path) -> None:
        send(remote, tmp_path, b"")
        assert receive(remote, tmp_path, named(b"")) == (b"", 0)

    def test_a_large_object(self, remote: Remote, tmp_path: Path) -> None:
        data = varied(5_000_001)
        assert send(remote, tmp_path, data) == len(data)
        assert receive(remote, tmp_path, named(data)) == (data, len(data))

    @pytest.mark.parametrize("have", [1, 65_536, 199_999, 200_000])
    def test_a_transfer_goes_on_where_it_broke_off(self, remote: Remote, tmp_path: Path, have: int) -> None:
        data = varied(200_000)
        send(remote, tmp_path, data)
        assert receive(remote, tmp_path, named(data), data[:have]) == (data, len(data) - have)

    def test_a_beginning_that_is_too_long_is_dropped(self, remote: Remote, tmp_path: Path) -> None:
        send(remote, tmp_path, b"short")
        assert receive(remote, tmp_path, named(b"short"), b"much longer") == (b"short", 5)

    def test_many_small_ones_from_many_threads(self, remote: Remote, tmp_path: Path) -> None:
        data = [varied(size, size) for size in range(1, 3_000, 50)]
        by_name = {named(piece).oid: piece for piece in data}
        wanted = [named(piece) for piece in data]

        def send_one(oid: str) -> None:
            path = tmp_path / oid
            path.write_bytes(by_name[oid])
            with path.open("rb") as file:
                uploads[oid](file, int)

        def receive_one(oid: str) -> bytes:
            with (tmp_path / f"{oid}.part").open("w+b") as file:
                downloads[oid](file, 0, int)
                file.seek(0)
                return file.read()

        with ThreadPoolExecutor(8) as pool:
            uploads = remote.uploads(wanted)
            assert list(uploads) == list(by_name)
            list(pool.map(send_one, uploads))
            downloads = remote.downloads(wanted)
            assert dict(zip(by_name, pool.map(receive_one, by_name), strict=True)) == by_name

    @pytest.mark.parametrize("oid", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
    def test_names_are_checked(self, remote: Remote, oid: str) -> None:
        with pytest.raises(ValueError, match="isn't an object name"):
            remote.uploads([RemoteObject(oid, 1)])
        with pytest.raises(ValueError, match="isn't an object name"):
            remote.downloads([RemoteObject(oid, 1)])

    def test_a_file_that_breaks_leaves_nothing(self, remote: Remote, tmp_path: Path) -> None:
        data = varied(20_000_000)
        (tmp_path / "file").write_bytes(data)
        with (tmp_path / "file").open("rb") as opened, pytest.raises((TransferError, OSError)):
            remote.uploads([named(data)])[named(data).oid](Breaking(opened), int)  # type: ignore[arg-type]
        assert not remote.downloads([named(data)])
        # And the remote can still be used.
        send(remote, tmp_path, b"next")
        assert receive(remote, tmp_path, named(b"next"))[0] == b"next"


class Breaking(io.RawIOBase):
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


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def await_port(port: int, alive: Iterator[bool]) -> None:
    """Wait until something listens; fail if what should has ended."""
    import socket
    import time

    for _ in range(600):
        assert next(alive), "the server ended"
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the server didn't start")
