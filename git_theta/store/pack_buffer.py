"""The pack buffer: payloads that wait to share an object, in memory while they are few, then in a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from threading import Lock

from git_theta.model.digest import digest
from git_theta.store.base import store_errors
from git_theta.store.local import LocalStore

#: Bytes of payloads that are kept in memory.
_IN_MEMORY = 32 << 20


@dataclass(frozen=True, slots=True)
class BufferedPayload:
    """A payload in a buffer.

    Attributes:
        digest: BLAKE3-256 of the payload: equal payloads are stored once.
        size: Size in bytes.
    """

    digest: str
    size: int


class PackBuffer:
    """Small payloads of one batch. Safe to use from many threads.

    Args:
        store: The store whose folder for temporary files is used.
    """

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._lock = Lock()
        self._in_memory: dict[BufferedPayload, bytes] = {}
        self._memory_size = 0
        self._offsets: dict[BufferedPayload, int] = {}
        self._end = 0
        self._handle = -1

    def put(self, payload: bytes) -> BufferedPayload:
        """Keep a payload, unless an equal one was put before.

        Raises:
            ThetaError: The file can't be written.
        """
        buffered = BufferedPayload(digest(payload), len(payload))
        # A thread that puts an equal payload returns only once this one is there.
        with self._lock:
            if buffered in self._offsets:
                return buffered
            if self._memory_size + buffered.size <= _IN_MEMORY:
                self._offsets[buffered] = -1
                self._in_memory[buffered] = payload
                self._memory_size += buffered.size
            else:
                with store_errors(self._store.root):
                    self._append(payload)
                self._offsets[buffered] = self._end
                self._end += buffered.size
        return buffered

    def take(self, buffered: BufferedPayload) -> bytes:
        """The bytes of a payload whose `put` has returned. To be called once: it may free the memory.

        Raises:
            ThetaError: The file can't be read.
        """
        with self._lock:
            payload = self._in_memory.pop(buffered, None)
            if payload is not None:
                self._memory_size -= buffered.size
                return payload
        with store_errors(self._store.root):
            return self._read(self._offsets[buffered], buffered.size)

    def close(self) -> None:
        """Forget every payload."""
        self._in_memory.clear()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _append(self, payload: bytes) -> None:
        if self._handle < 0:
            self._handle = self._store.temporary_file()
        done = 0
        while done < len(payload):
            done += os.pwrite(self._handle, memoryview(payload)[done:], self._end + done)

    def _read(self, offset: int, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = os.pread(self._handle, size - len(data), offset + len(data))
            if not more:
                raise OSError("a temporary file was cut off")
            data += more
        return data
