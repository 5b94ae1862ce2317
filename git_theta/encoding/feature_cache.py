"""Feature cache: features of stored values that many new ones may be parts of, such as stacked experts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_theta.encoding.lines import Lines, Numbers

#: Bytes of the features that are kept.
_MOST = 64 << 20


class FeatureCache:
    """The features of the lines that were compared last. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Numbers] = OrderedDict()
        self._size = 0

    def features(self, source: Hashable, lines: Lines) -> Numbers:
        """The features of the lines of a value.

        Args:
            source: The value's source.
            lines: Its lines.

        Raises:
            CorruptError, MissingObjectError: The value can't be read.
        """
        key = source, lines.length, lines.are_columns
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        found = lines.features()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._size += found.nbytes
            while self._size > _MOST:
                self._size -= self._kept.popitem(last=False)[1].nbytes
        return found
