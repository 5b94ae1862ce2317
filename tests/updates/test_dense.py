from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta import testing, updates
from git_theta.errors import CorruptError, UsageError
from git_theta.updates.dense import Dense


def test_contract() -> None:
    testing.check_dense(Dense())


@given(st.binary(max_size=200))
def test_junk_is_refused(payload: bytes) -> None:
    with pytest.raises((CorruptError, UsageError)):
        list(Dense().decode(memoryview(payload), [], 8))


def test_an_unknown_update_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="known: dense"):
        updates.registry().get("nonesuch")
