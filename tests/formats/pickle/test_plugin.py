"""The format of pickles: its contract, its place among the others, and merges."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from git_theta import formats, testing
from git_theta.formats.base import ComposeError
from git_theta.formats.pickle.plugin import Pickle
from git_theta.formats.split import OPAQUE, split
from tests.helpers.composing import merged
from tests.helpers.pickled import legacy, storage, tensor

GRID = np.arange(6, dtype="f4").reshape(2, 3)


def test_contract() -> None:
    model = {"w": GRID, "t": GRID.T, "epoch": np.int64(3), "name": "x"}
    testing.check_format(Pickle(), [pickle.dumps(model, protocol) for protocol in (3, 4, 5)])


def test_pytorch_s_old_files_are_pytorch_s() -> None:
    data = legacy(tensor(storage("0", 4), (2, 2)), {"0": (4, bytes(16))})
    assert split(memoryview(data), formats.registry()).format == "pytorch-legacy"


def test_pickles_without_arrays_are_pickles() -> None:
    assert split(memoryview(pickle.dumps({"epoch": 3})), formats.registry()).format == "pickle"


@pytest.mark.parametrize("data", [b"\x80\x04", b"\x80\x06N.", b"\x7fELF", b"", b"\x80\x02\xff\xff"])
def test_other_files(data: bytes) -> None:
    assert not Pickle().matches(memoryview(data))


def test_a_pickle_that_is_cut_off_is_opaque_and_says_why() -> None:
    found = split(memoryview(pickle.dumps({"w": GRID})[:-3]), formats.registry())
    assert found.format == OPAQUE
    assert "looks like pickle" in found.note


def test_versions_of_other_structure_cannot_be_merged() -> None:
    base = pickle.dumps({"w": GRID})
    with pytest.raises(ComposeError, match="no way to merge files of the format 'pickle'"):
        merged(base, pickle.dumps({"w": GRID, "v": GRID}), base)
