"""The plain values in PyTorch's files: numbers, strings and Booleans, by their path of keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from git_theta.errors import FormatError
from git_theta.formats.pickle.unpickle_inert import read_pickle
from git_theta.formats.pytorch.legacy_file import read_head
from git_theta.formats.pytorch.tree import edges_of, join
from git_theta.formats.pytorch.views import as_view
from git_theta.formats.pytorch.zip_records import read_records
from git_theta.formats.zip_reader import read_member

#: Steps through the tree, and bytes of a pickle, as bounds on time.
_MAX_STEPS = 2_000_000
_MAX_PICKLE = 1 << 26

_SHOWN = frozenset((bool, int, float, str, type(None)))


def zipped_scalars(data: memoryview) -> Iterator[tuple[str, str]]:
    """The values of a zip archive's `data.pkl`, each as its `repr`.

    Raises:
        FormatError: The file is damaged.
    """
    member = read_records(data)[2]["data.pkl"]
    return scalars_below(read_pickle(read_member(data, member, _MAX_PICKLE)).root)


def legacy_scalars(data: memoryview) -> Iterator[tuple[str, str]]:
    """The values of a file from before PyTorch 1.6.

    Raises:
        FormatError: The file is damaged.
    """
    return scalars_below(read_pickle(data, read_head(data)[-1].end).root)


def scalars_below(root: Any) -> Iterator[tuple[str, str]]:
    """Plain values below `root`, depth first, without those that describe tensors.

    A container that is reached by several paths is looked at on the first one.

    Raises:
        FormatError: The tree is too large.
    """
    visited: set[int] = set()
    taken = 0
    pending: list[tuple[str, Iterator[tuple[str | None, Any]]]] = [("", iter([(None, root)]))]
    while pending:
        parent, steps = pending[-1]
        for key, node in steps:
            taken += 1
            if taken > _MAX_STEPS:
                raise FormatError(f"more than {_MAX_STEPS} objects")
            path = join(parent, key)
            if type(node) in _SHOWN:
                # Positional arguments have no key, and mean nothing to a reader.
                if key is not None:
                    yield path, repr(node)
                continue
            if id(node) in visited or as_view(node) is not None:
                continue
            visited.add(id(node))
            pending.append((path, edges_of(node, True, False)))
            break
        else:
            pending.pop()
