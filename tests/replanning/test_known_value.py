"""Known values: what can be read, and what stands on what."""

from __future__ import annotations

from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.replanning.known_value import base_of, known_values, own_bytes

SPEC = TensorSpec("F32", (2, 3))
DENSE = Source("dense", ObjectRef("1" * 64, 0, 20))
DELTA = Source("delta", ObjectRef("2" * 64, 0, 7), (DENSE,))
OTHER = Source("dense", ObjectRef("3" * 64, 0, 22))


def entry(digest: str, source: Source) -> Entry:
    return Entry(digest, SPEC, digest * 64, source)


def here(*digits: str) -> set[str]:
    return {digit * 64 for digit in digits}


def test_values_with_all_their_sources() -> None:
    entries = [entry("a", DENSE), entry("b", DELTA), entry("b", OTHER), entry("a", DENSE)]
    known = known_values(entries, {}, here("1", "2", "3").__contains__)
    assert [value.sources for value in known.values.values()] == [(DENSE,), (DELTA, OTHER)]
    assert known.needed == frozenset()
    assert known.digests_by_source() == {DENSE: "a" * 64, DELTA: "b" * 64, OTHER: "b" * 64}
    assert known.values["b" * 64].entry(OTHER).source == OTHER


def test_an_alternative_is_preferred_if_its_objects_are_here() -> None:
    alternatives = {"b" * 64: OTHER}
    known = known_values([entry("b", DELTA)], alternatives, here("1", "2", "3").__contains__)
    assert known.values["b" * 64].sources == (OTHER, DELTA)
    assert known.values["b" * 64].named == {DELTA}
    known = known_values([entry("b", DELTA)], alternatives, here("1", "2").__contains__)
    assert known.values["b" * 64].current == DELTA


def test_what_cannot_be_read_keeps_its_payloads() -> None:
    known = known_values([entry("a", OTHER), entry("b", DELTA)], {}, here("2", "3").__contains__)
    assert set(known.values) == {"a" * 64}
    assert known.needed == {DENSE.payload, DELTA.payload}


def test_the_base_of_an_update() -> None:
    digest_of = {DENSE: "a"}.get
    assert base_of(DELTA, digest_of) == "a"
    assert base_of(DENSE, digest_of) is None
    assert base_of(Source("delta", DELTA.payload, (OTHER,)), digest_of) is None
    assert base_of(Source("cast", None, (DENSE,)), digest_of) is None
    assert base_of(Source("steps", DELTA.payload, (DENSE,), 4), digest_of) is None


def test_own_bytes_leave_out_what_is_there_anyway() -> None:
    assert own_bytes(DELTA, {DENSE: "a"}.get, lambda _: None) == 7
    assert own_bytes(DELTA, {}.get, lambda _: None) == 27
