"""The plain values in PyTorch's files: numbers, strings and Booleans, by their path of keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from git_theta.formats.pickle.plain_values import plain_values
from git_theta.formats.pickle.unpickle_inert import read_pickle
from git_theta.formats.pytorch.legacy_file import read_head
from git_theta.formats.pytorch.tree import edges_of
from git_theta.formats.pytorch.views import as_view
from git_theta.formats.pytorch.zip_records import read_records
from git_theta.formats.zip_reader import read_member

#: Bytes of a pickle, as a bound on time.
_MAX_PICKLE = 1 << 26


def zipped_scalars(data: memoryview) -> Iterator[tuple[str, str]]:
    """The values of a zip archive's `data.pkl`, each as its `repr`.

    Raises:
        FormatError: The file is damaged.
    """
    member = read_records(data)[2]["data.pkl"]
    return _scalars_below(read_pickle(read_member(data, member, _MAX_PICKLE)).root)


def legacy_scalars(data: memoryview) -> Iterator[tuple[str, str]]:
    """The values of a file from before PyTorch 1.6.

    Raises:
        FormatError: The file is damaged.
    """
    return _scalars_below(read_pickle(data, read_head(data)[-1].end).root)


def _scalars_below(root: Any) -> Iterator[tuple[str, str]]:
    return plain_values(root, edges_of, lambda node: as_view(node) is not None)
