"""Batch: many objects, each settled on disk in the background while the next is being made."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType

from git_theta.model.manifest import ObjectRef
from git_theta.store.local import LocalStore
from git_theta.store.pack_buffer import PackBuffer

#: Objects that wait for the disk at once: each keeps a file open and its pages dirty.
_WAITING = 32


class Batch:
    """Puts objects into a store from many threads; leaving the context waits for the disk.

    An fsync mostly waits. Doing it on threads of its own leaves the cores to compression.

    Args:
        store: Where the objects go.

    Attributes:
        buffer: Small payloads that will share objects.
    """

    def __init__(self, store: LocalStore) -> None:
        self.buffer = PackBuffer(store)
        self._store = store
        self._pool = ThreadPoolExecutor(2)
        self._waiting: deque[Future[None]] = deque()
        self._turn = Lock()

    def put(self, pieces: Iterable[bytes | memoryview]) -> ObjectRef:
        """Write an object and return a reference to it; it's there when the context has ended.

        Raises:
            ThetaError: The store can't be written: this object, or one before it.
        """
        written = self._store.write(pieces)
        with self._turn:
            self._waiting.append(self._pool.submit(self._store.commit, written))
            oldest = self._waiting.popleft() if len(self._waiting) > _WAITING else None
        if oldest:
            oldest.result()
        return ObjectRef(written.oid, size=written.size)

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        self.buffer.close()
        if error is None:
            for settled in self._waiting:
                settled.result()
