"""Batch: many objects, each made durable in the background while the next is being made."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType

from git_theta.model.manifest import ObjectRef
from git_theta.store.local import LocalStore
from git_theta.store.pack_buffer import PackBuffer

#: The most objects that wait for the disk: each keeps a file open and its pages dirty.
_MAX_PENDING = 32


class Batch:
    """Stores objects, from many threads; leaving the context waits for the disk.

    An fsync mostly waits. On threads of its own, it leaves the cores to compression.

    Args:
        store: The store.

    Attributes:
        buffer: Small payloads that will share objects.
    """

    def __init__(self, store: LocalStore) -> None:
        self.buffer = PackBuffer(store)
        self._store = store
        self._pool = ThreadPoolExecutor(2)
        self._pending: deque[Future[None]] = deque()
        self._lock = Lock()
        self._claimed: set[str] = set()

    def claim(self, oid: str) -> bool:
        """Whether the store has an object, for the manifest of this batch; see `LocalStore.claim`.

        A pack has the payloads of thousands of values: it's claimed once.
        """
        if oid in self._claimed:
            return True
        if self._store.claim(oid):
            self._claimed.add(oid)
            return True
        return False

    def put(self, pieces: Iterable[bytes | memoryview]) -> ObjectRef:
        """Write an object and return a reference to it; it's in the store when the context has ended.

        Raises:
            ThetaError: This object, or one before it, can't be written.
        """
        written = self._store.write(pieces)
        with self._lock:
            self._pending.append(self._pool.submit(self._store.commit, written))
            oldest = self._pending.popleft() if len(self._pending) > _MAX_PENDING else None
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
            for committed in self._pending:
                committed.result()
