"""Hold: payloads that wait to share an object, in memory as long as they're few, then in a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from threading import Lock

from git_theta.model.digest import digest
from git_theta.store.local import LocalStore, store_errors

#: Bytes of payloads that are kept in memory.
_IN_MEMORY = 32 << 20


@dataclass(frozen=True, slots=True)
class BufferedPayload:
    """A payload that waits.

    Attributes:
        digest: BLAKE3-256 of its bytes: equal payloads are one.
        size: How many they are.
    """

    digest: str
    size: int


class PackBuffer:
    """Payloads of one batch. Use from many threads.

    Args:
        store: Where the file goes, without a name.
    """

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._turn = Lock()
        self._kept: dict[BufferedPayload, bytes] = {}
        self._kept_size = 0
        self._offsets: dict[BufferedPayload, int] = {}
        self._end = 0
        self._handle = -1

    def put(self, payload: bytes) -> BufferedPayload:
        """Keep a payload, unless an equal one was put before.

        Raises:
            ThetaError: The file can't be written.
        """
        held = BufferedPayload(digest(payload), len(payload))
        # A thread that puts an equal payload returns only when this one is there.
        with self._turn:
            if held in self._offsets:
                return held
            if self._kept_size + held.size <= _IN_MEMORY:
                self._offsets[held] = -1
                self._kept[held] = payload
                self._kept_size += held.size
            else:
                with store_errors(self._store.root):
                    self._append(payload)
                self._offsets[held] = self._end
                self._end += held.size
        return held

    def take(self, held: BufferedPayload) -> bytes:
        """The bytes of a payload whose `put` has ended; to be called once, as they may be forgotten.

        Raises:
            ThetaError: The file can't be read.
        """
        with self._turn:
            kept = self._kept.pop(held, None)
            if kept is not None:
                self._kept_size -= held.size
                return kept
        data = b""
        with store_errors(self._store.root):
            while len(data) < held.size:
                more = os.pread(self._handle, held.size - len(data), self._offsets[held] + len(data))
                if not more:
                    raise OSError("a temporary file was cut off")
                data += more
        return data

    def _append(self, payload: bytes) -> None:
        if self._handle < 0:
            self._handle = self._store.temporary_file()
        done = 0
        while done < len(payload):
            done += os.pwrite(self._handle, memoryview(payload)[done:], self._end + done)

    def close(self) -> None:
        """Forget everything."""
        self._kept.clear()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
