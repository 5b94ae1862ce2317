"""Merges of files of any format: errors, whatever the versions are."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import ThetaError
from git_theta.formats.base import ComposeError, FileVersion
from git_theta.formats.compose import compose_file
from tests.helpers import pickled
from tests.helpers.composing import opened


def test_opaque_files_cant_be_merged() -> None:
    file = opened(b"no checkpoint")
    assert file.format == "opaque"
    with pytest.raises(ComposeError, match="no way"):
        compose_file("opaque", None, [file.version, file.version], {})


@given(st.data())
def test_damaged_versions_give_an_error_or_a_merge(data: st.DataObject) -> None:
    tensor = pickled.tensor(pickled.storage("0", 2), (2,))
    tree = pickled.mapping(
        {"t": tensor, "n": pickled.number(7), "c": pickled.call("collections", "OrderedDict")}
    )
    file = opened(pickled.legacy(tree, {"0": (2, bytes(8))}))
    damaged = bytearray(file.version.skeleton)
    at = data.draw(st.integers(0, len(damaged) - 9))
    damaged[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b"()0qhb.tRQ")))
    other = FileVersion(file.version.layout, memoryview(damaged))
    specs = {name: spec for name, (spec, _) in file.values.items()}
    with contextlib.suppress(ThetaError):
        compose_file(file.format, file.version, [other, file.version], specs)
