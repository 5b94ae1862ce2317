from __future__ import annotations

import pytest

from git_theta.errors import CorruptError
from git_theta.updates.cursor import Cursor
from tests.helpers.weights import input_of, joined


def test_pieces_are_cut_anew() -> None:
    cursor = Cursor(input_of(bytes(range(100)), step=7)(100))
    assert joined(cursor.take(10)) == bytes(range(10))
    cursor.skip(20)
    assert joined(cursor.take(0)) == b""
    assert joined(cursor.take(70)) == bytes(range(30, 100))
    with pytest.raises(CorruptError, match="shorter"):
        joined(cursor.take(1))
