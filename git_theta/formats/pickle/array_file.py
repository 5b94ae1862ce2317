"""The arrays and the plain values in a file of pickles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from git_theta.errors import UnsplitError
from git_theta.formats.base import Located, Tensor
from git_theta.formats.overlap import check_overlap
from git_theta.formats.pickle.array_machine import read_array_pickles
from git_theta.formats.pickle.array_tree import edges_of, text_of
from git_theta.formats.pickle.arrays import as_array, is_text_array
from git_theta.formats.pickle.plain_values import plain_values
from git_theta.formats.pickle.torch_tensors import TorchTensors
from git_theta.formats.pickle.tree import named_tensors
from git_theta.formats.pytorch.views import is_wrapper
from git_theta.formats.unique_names import unique_name


def locate_arrays(data: memoryview) -> Located:
    """Find the arrays of a file by their path of keys and attributes.

    Raises:
        FormatError: A pickle is damaged, there's too much in it, or its arrays aren't written as bytes.
    """
    counts: dict[str, int] = {}
    found: list[Tensor] = []
    texts = 0

    def read(node: Any) -> Tensor | None:
        nonlocal texts
        texts += is_text_array(node)
        return as_array(node) or torch_tensors.read(node)

    torch_tensors = TorchTensors(data)
    for name, _, array in named_tensors(_root(data), "", read, edges_of, is_wrapper):
        found.append(replace(array, name=unique_name(name, counts)))
    if texts and not found:
        raise UnsplitError("a pickle whose arrays are text, as Python 3 writes them for protocol 2")
    check_overlap(found, len(data))
    return Located(tuple(found))


def array_file_scalars(data: memoryview) -> Iterator[tuple[str, str]]:
    """Numbers, texts and Booleans by their path of keys and attributes.

    Raises:
        FormatError: A pickle is damaged, or there's too much in it.
    """
    torch_tensors = TorchTensors(data)

    def is_tensor(node: Any) -> bool:
        return (as_array(node) or torch_tensors.read(node)) is not None

    return plain_values(_root(data), edges_of, is_tensor, text_of(data))


def _root(data: memoryview) -> Any:
    """The object of a file's only pickle, or a list of those of its pickles."""
    roots = read_array_pickles(data)
    return roots if len(roots) > 1 else roots[0]
