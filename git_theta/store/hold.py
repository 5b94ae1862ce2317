"""Hold: payloads that wait to share an object, in memory as long as they're few, then in a file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from threading import Lock

from git_theta.model.digest import digest
from git_theta.store.local import LocalStore, told

#: Bytes of payloads that are kept in memory.
_IN_MEMORY = 32 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """A payload that waits; equal ones are the same.

    Attributes:
        digest: BLAKE3-256 of its bytes.
        size: How many they are.
        data: The bytes; `None` if they're in the file.
        offset: Where they are in the file.
    """

    digest: str
    size: int
    data: bytes | None = field(compare=False, repr=False)
    offset: int = field(compare=False)


class Hold:
    """Payloads of one batch. Use from many threads.

    Args:
        store: Where the file goes, without a name.
    """

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._turn = Lock()
        self._size = 0
        self._handle = -1

    def put(self, payload: bytes) -> Held:
        """Keep a payload.

        Raises:
            ThetaError: The file can't be written.
        """
        with self._turn:
            offset = self._size - _IN_MEMORY
            self._size += len(payload)
            if offset >= 0 and self._handle < 0:
                with told(self._store.root):
                    self._handle = self._store.temporary_file()
        if offset < 0:
            return Held(digest(payload), len(payload), payload, 0)
        with told(self._store.root):
            done = 0
            while done < len(payload):
                done += os.pwrite(self._handle, memoryview(payload)[done:], offset + done)
        return Held(digest(payload), len(payload), None, offset)

    def get(self, held: Held) -> bytes:
        """The bytes of a payload.

        Raises:
            ThetaError: The file can't be read.
        """
        if held.data is not None:
            return held.data
        data = b""
        with told(self._store.root):
            while len(data) < held.size:
                more = os.pread(self._handle, held.size - len(data), held.offset + len(data))
                if not more:
                    raise OSError("a temporary file was cut off")
                data += more
        return data

    def close(self) -> None:
        """Forget everything."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
