"""Mapped objects: the packs that were read last, kept mapped while small payloads are read from them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

#: Objects that are kept; a pack has about 32 MiB.
_MOST = 8


class MappedObjects:
    """The objects that were read last. Safe to use from many threads.

    An object that is replaced or removed meanwhile stays as it was: for use by one command that changes none.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._objects: OrderedDict[str, memoryview] = OrderedDict()

    def get(self, oid: str, load: Callable[[str], memoryview]) -> memoryview:
        """The bytes of an object.

        Args:
            oid: Name of the object.
            load: Gives the bytes of an object that isn't kept; what it raises isn't remembered.
        """
        with self._lock:
            data = self._objects.get(oid)
            if data is None:
                data = self._objects[oid] = load(oid)
                if len(self._objects) > _MOST:
                    self._objects.popitem(last=False)
            else:
                self._objects.move_to_end(oid)
            return data
