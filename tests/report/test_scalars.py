"""Changes of values that aren't tensors."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.checkpoint_file import fingerprint
from git_theta.errors import MissingObjectError
from git_theta.model.strided import temporary_file
from git_theta.report.readers import FileReader
from git_theta.report.scalars import ScalarChange, scalar_changes
from git_theta.report.side import Side
from tests.helpers.checkpoints import safetensors_bytes

WEIGHT = {"w": np.ones(2, "f4")}


def side(data: bytes) -> Side:
    view = memoryview(data)
    return Side("a", fingerprint(view, 1, temporary_file), FileReader(view, temporary_file))


def test_scalars_that_differ_by_name() -> None:
    old = side(safetensors_bytes(WEIGHT, {"epoch": "1", "gone": "x", "same": "s"}))
    new = side(safetensors_bytes(WEIGHT, {"epoch": "2", "added": "y", "same": "s"}))
    assert scalar_changes(old, new) == (
        ScalarChange("__metadata__/added", None, "'y'"),
        ScalarChange("__metadata__/epoch", "'1'", "'2'"),
        ScalarChange("__metadata__/gone", "'x'", None),
    )


def test_long_texts_are_cut() -> None:
    (found,) = (
        scalar_changes(side(safetensors_bytes(WEIGHT)), side(safetensors_bytes(WEIGHT, {"k": "v" * 99})))
        or ()
    )
    assert found.new is not None
    assert (len(found.new), found.new[-1]) == (60, "…")


def test_a_file_that_has_no_scalars_tells_nothing() -> None:
    assert scalar_changes(side(b"no checkpoint"), side(safetensors_bytes(WEIGHT))) is None
    assert scalar_changes(Side("a"), side(safetensors_bytes(WEIGHT))) is None


class Missing(FileReader):
    def skeleton(self) -> memoryview:
        raise MissingObjectError("the layout isn't here")


def test_a_missing_layout_is_an_error() -> None:
    there = side(safetensors_bytes(WEIGHT))
    missing = Side("a", there.manifest, Missing(memoryview(b""), temporary_file))
    with pytest.raises(MissingObjectError):
        scalar_changes(there, missing)
