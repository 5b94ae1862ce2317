"""Files of `numpy.save`."""

from __future__ import annotations

import io

import numpy as np
import pytest

from git_theta import formats, testing
from git_theta.formats.base import ComposeError
from git_theta.formats.numpy.npy import Npy
from git_theta.formats.split import OPAQUE, split
from tests.helpers.composing import merged, opened
from tests.helpers.pickled import values_of

ARRAY = np.arange(6, dtype="f4").reshape(2, 3)


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_contract() -> None:
    testing.check_format(Npy(), [saved(ARRAY), saved(np.asfortranarray(ARRAY.astype(">f8")))])


@pytest.mark.parametrize("array", [ARRAY, ARRAY.T, ARRAY.astype(">f4"), ARRAY.astype(">c16").T, ARRAY > 2])
def test_values_are_those_that_numpy_reads(array: np.ndarray) -> None:
    data = saved(array)
    (tensor,) = Npy().locate(memoryview(data)).tensors
    assert tensor.name == "array"
    assert values_of(tensor, data) == np.load(io.BytesIO(data)).tolist()


def test_bytes_after_the_array_are_kept() -> None:
    found = opened(saved(ARRAY) + saved(ARRAY))
    assert found.format == "npy"
    assert found.version.layout.size == 2 * len(saved(ARRAY))


def test_an_array_of_objects_is_opaque_and_says_why() -> None:
    found = split(memoryview(saved(np.array([None, {}]))), formats.registry())
    assert found.format == OPAQUE
    assert "'|O'" in found.note


def test_a_merge_with_another_shape() -> None:
    base = ours = saved(ARRAY)
    theirs = saved(np.zeros((3, 3), "f4"))
    data, made = merged(base, ours, theirs)
    assert np.load(io.BytesIO(data)).tolist() == np.zeros((3, 3)).tolist()
    assert made.conflicts == ()


def test_a_merge_needs_the_array_alone() -> None:
    with pytest.raises(ComposeError, match="bytes follow"):
        merged(saved(ARRAY), saved(ARRAY) + b"1", saved(ARRAY.T))
