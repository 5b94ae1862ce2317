"""Pickles of NumPy's arrays, plain ones and those of joblib; nothing is unpickled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.formats.pickle.beginning import begins_pickle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_theta.formats.base import Located


class Pickle:
    """Files of `pickle.dump` and `joblib.dump`, of one object or of several."""

    name = "pickle"

    def matches(self, data: memoryview) -> bool:
        """The start of a pickle of protocol 2 to 5."""
        return begins_pickle(data, 0)

    def locate(self, data: memoryview) -> Located:
        """Find the arrays; those of Python's objects stay in the layout, but for arrays in them."""
        from git_theta.formats.pickle.array_file import locate_arrays

        return locate_arrays(data)

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """Numbers, texts and Booleans by their path of keys and attributes."""
        from git_theta.formats.pickle.array_file import array_file_scalars

        return array_file_scalars(data)
