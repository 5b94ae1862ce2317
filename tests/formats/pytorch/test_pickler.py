"""Pickles that are written from nodes."""

from __future__ import annotations

import collections
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.formats.base import ComposeError
from git_theta.formats.pickle.nodes import Dict, Global, Object
from git_theta.formats.pytorch.pickler import write_pickle

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.binary(max_size=4),
)


@given(
    st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner), st.lists(inner).map(tuple)), max_leaves=20)
)
def test_python_reads_the_pickles_back(value: Any) -> None:
    assert pickle.loads(write_pickle(value)) == value


def test_pickled_objects_are_shared() -> None:
    inner: list[Any] = [1 << 2100, *range(2500)]
    made = Object(Global("collections", "OrderedDict"), (), Dict([("note", inner)]), None, [("k", inner)])
    found = pickle.loads(write_pickle((made, made, inner)))
    assert isinstance(found[0], collections.OrderedDict)
    assert found[0] is found[1]
    assert found[0]["k"] is found[0].note is found[2]
    assert found[2] == inner


@pytest.mark.parametrize("name", ["a\nb", "a.b", "a\r"])
def test_names_that_would_change_a_pickle(name: str) -> None:
    with pytest.raises(ComposeError):
        write_pickle(Global("m", name))
