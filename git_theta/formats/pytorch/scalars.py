"""Facts in the pickles of PyTorch's files: plain values by their path of keys, and how tensors are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from git_theta.formats.pickle.plain_values import plain_values
from git_theta.formats.pickle.unpickle_inert import read_pickle
from git_theta.formats.pytorch.legacy_file import read_head
from git_theta.formats.pytorch.tree import edges_of, named_nodes
from git_theta.formats.pytorch.views import as_view, stored_form
from git_theta.formats.pytorch.zip_records import read_records
from git_theta.formats.zip_reader import read_member

#: Bytes of a pickle, as a bound on time.
_MAX_PICKLE = 1 << 26


def zipped_scalars(data: memoryview) -> Iterator[tuple[str, str]]:
    """The values of a zip archive's `data.pkl`, each as its `repr`.

    Raises:
        FormatError: The file is damaged.
    """
    return _scalars_below(_zipped_root(data))


def legacy_scalars(data: memoryview) -> Iterator[tuple[str, str]]:
    """The values of a file from before PyTorch 1.6.

    Raises:
        FormatError: The file is damaged.
    """
    return _scalars_below(_legacy_root(data))


def zipped_forms(data: memoryview) -> Iterator[tuple[str, str]]:
    """Names of tensors in a zip archive whose elements aren't their values, and how they're stored.

    Raises:
        FormatError: The file is damaged.
    """
    return _forms_below(_zipped_root(data))


def legacy_forms(data: memoryview) -> Iterator[tuple[str, str]]:
    """The same of a file from before PyTorch 1.6; see `zipped_forms`."""
    return _forms_below(_legacy_root(data))


def _zipped_root(data: memoryview) -> Any:
    member = read_records(data)[2]["data.pkl"]
    return read_pickle(read_member(data, member, _MAX_PICKLE)).root


def _legacy_root(data: memoryview) -> Any:
    return read_pickle(data, read_head(data)[-1].end).root


def _forms_below(root: Any) -> Iterator[tuple[str, str]]:
    return ((name, form) for name, node, _ in named_nodes(root) if (form := stored_form(node)))


def _scalars_below(root: Any) -> Iterator[tuple[str, str]]:
    return plain_values(root, edges_of, lambda node: as_view(node) is not None)
