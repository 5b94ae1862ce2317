from __future__ import annotations

from collections.abc import Mapping

from git_theta.model.manifest import Source
from git_theta.store.alternative_sources import AlternativeSources

SOURCE = Source("dense", None)


def test_they_are_read_once_when_the_first_is_asked_for() -> None:
    asked = []

    def load() -> Mapping[str, Source]:
        asked.append(1)
        return {"a": SOURCE}

    sources = AlternativeSources(lambda: True, load)
    assert sources
    assert not asked
    assert sources.get("a") == SOURCE
    assert sources.get("b") is None
    assert len(asked) == 1
    sources.forget()
    assert sources.get("a") == SOURCE
    assert len(asked) == 2


def test_without_any_nothing_is_read() -> None:
    sources = AlternativeSources()
    assert not sources
    assert sources.get("a") is None
