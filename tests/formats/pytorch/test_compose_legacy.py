"""Merges of files by PyTorch before 1.6, without PyTorch."""

from __future__ import annotations

import pytest

from git_theta.formats.base import ComposeError
from git_theta.formats.pickle.unpickle_inert import read_pickle
from tests.helpers import pickled
from tests.helpers.composing import merged


@pytest.mark.parametrize(
    "content",
    [b"X\x02\0\0\0\xff\xfe", b"Va\\u0041\n", b"\x96" + bytes(8), b"(cm\nC\no", b"cm\nC\n)R}b}b"],
    ids=["text", "escape", "bytearray", "instance", "two states"],
)
def test_pickles_that_nodes_cant_describe_exactly(content: bytes) -> None:
    assert not read_pickle(pickled.whole(content)).exact
    tree = pickled.mapping({"t": pickled.tensor(pickled.storage("0", 1), (1,)), "odd": content})
    file = pickled.legacy(tree, {"0": (1, bytes(4))})
    with pytest.raises(ComposeError, match="written again"):
        merged(file, file, file)


def test_many_nested_twins_take_no_time() -> None:
    twins = b"]q\0"
    for index in range(60):
        twins = b"(" + twins + b"h" + bytes([index]) + b"lq" + bytes([index + 1])
    tree = pickled.mapping({"t": pickled.tensor(pickled.storage("0", 1), (1,)), "twins": twins})
    file = pickled.legacy(tree, {"0": (1, bytes(4))})
    merged(file, file, file)
