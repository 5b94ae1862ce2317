from __future__ import annotations

import pytest

from git_theta.errors import CorruptError
from git_theta.store.opened_bundles import OpenedBundles


def test_the_last_bundles_are_kept() -> None:
    bundles = OpenedBundles()
    opened = []

    def get(key: int) -> int:
        return bundles.get(key, lambda: opened.append(key) or key)

    assert [get(key) for key in (1, 2, 1)] == [1, 2, 1]
    assert opened == [1, 2]
    for key in range(3, 258):
        get(key)
    assert get(1) == 1, "it was used after the other one"
    assert get(2) == 2
    assert opened == [*range(1, 258), 2]


def test_failures_are_not_kept() -> None:
    bundles = OpenedBundles()

    def fail() -> int:
        raise CorruptError("damaged")

    with pytest.raises(CorruptError):
        bundles.get("a", fail)
    assert bundles.get("a", lambda: 3) == 3
