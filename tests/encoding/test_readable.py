"""Sources that can be read: own ones, alternative ones, and those that lack the fewest bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from git_theta.encoding.readable import (
    are_readable,
    as_readable,
    lacking_objects,
    lacking_values,
    missing_values,
    readable,
)
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.alternative_sources import AlternativeSources
from git_theta.store.local import LocalStore

DIGEST = "d" * 64
LOST = Source("dense", ObjectRef("e" * 64, size=100))
ENTRY = Entry("w", TensorSpec("U8", (3,)), DIGEST, LOST)


def store(tmp_path: Path, alternatives: Mapping[str, Source]) -> LocalStore:
    return LocalStore(tmp_path / "theta", alternatives=AlternativeSources(lambda: True, lambda: alternatives))


def here(tmp_path: Path) -> Source:
    """A source whose object is in the store."""
    return Source("dense", ObjectRef(LocalStore(tmp_path / "theta").put([b"abc"]), size=3))


def test_the_own_source_comes_first(tmp_path: Path) -> None:
    own = here(tmp_path)
    entry = replace(ENTRY, source=own)
    assert readable(entry, store(tmp_path, {DIGEST: LOST})) == entry


def test_an_alternative_is_for_missing_objects(tmp_path: Path) -> None:
    other = here(tmp_path)
    reading = store(tmp_path, {DIGEST: other})
    expected = replace(ENTRY, source=other)
    assert readable(ENTRY, reading) == expected
    assert as_readable([ENTRY], reading) == [expected]
    assert are_readable([ENTRY], reading)
    assert lacking_values([ENTRY], reading) == []
    assert lacking_objects([ENTRY], reading) == {}
    assert missing_values(Manifest("raw", 3, ENTRY, ()), reading) == []
    assert readable(ENTRY, reading, has=lambda _oid: False) is None


def test_an_alternative_that_is_incomplete_is_none(tmp_path: Path) -> None:
    other = Source("delta", ObjectRef("f" * 64), (here(tmp_path),))
    reading = store(tmp_path, {DIGEST: other})
    assert readable(ENTRY, reading) is None
    assert as_readable([ENTRY], reading) == [ENTRY]
    assert missing_values(Manifest("raw", 3, ENTRY, ()), reading) == [ENTRY]


@pytest.mark.parametrize(
    ("size", "expected"), [(99, {"f" * 64: 99}), (100, {"e" * 64: 100}), (None, {"e" * 64: 100})]
)
def test_the_source_that_lacks_less_is_fetched(
    tmp_path: Path, size: int | None, expected: Mapping[str, int]
) -> None:
    other = Source("delta", ObjectRef("f" * 64, size=size), (here(tmp_path),))
    assert lacking_objects([ENTRY], store(tmp_path, {DIGEST: other})) == expected


def test_without_alternatives_nothing_is_read_for_them(tmp_path: Path) -> None:
    def load() -> Mapping[str, Source]:
        raise AssertionError

    reading = LocalStore(tmp_path / "theta", alternatives=AlternativeSources(lambda: False, load))
    assert readable(ENTRY, reading) is None
    assert as_readable([ENTRY], reading) == [ENTRY]
    assert lacking_objects([ENTRY], reading) == {"e" * 64: 100}
