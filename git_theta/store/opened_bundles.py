"""Opened bundles: those that were read last, decoded, for the other values that are in them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")

#: Bundles that are kept; each has at most 64 KiB.
_MOST = 256


class OpenedBundles:
    """The bundles that were opened last. Safe to use from many threads.

    Names of objects follow from their bytes, so what is kept is right even if an object is gone meanwhile.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._bundles: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, load: Callable[[], T]) -> T:
        """An opened bundle.

        Args:
            key: Update and payload.
            load: Opens a bundle that isn't kept; what it raises isn't remembered.
        """
        with self._lock:
            if key in self._bundles:
                self._bundles.move_to_end(key)
                kept: T = self._bundles[key]
                return kept
        opened = load()
        with self._lock:
            self._bundles[key] = opened
            if len(self._bundles) > _MOST:
                self._bundles.popitem(last=False)
        return opened
