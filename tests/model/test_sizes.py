from __future__ import annotations

from git_theta.model.manifest import ObjectRef, Source
from git_theta.model.sizes import (
    added_payloads,
    entry_bytes,
    known_bytes,
    manifest_bytes,
    payload_bytes,
    source_bytes,
)
from tests.helpers.manifests import A, B, C, entry, manifest

WHOLE, PART = ObjectRef(A), ObjectRef(B, 5, 7)


def size_of(oid: str) -> int | None:
    return {A: 100, B: 50}.get(oid)


def test_a_value_of_a_bundle_has_a_share_of_it() -> None:
    bundle, base = ObjectRef(A, 0, 5000), ObjectRef(B, 0, 60)
    source = Source("steps", bundle, (Source("dense", base, (), 128),), 512)
    assert source_bytes(source, 256, size_of) == 256 + 60
    assert source_bytes(Source("delta", bundle, (Source("dense", base, (), 0),)), 256, size_of) == 5060
    assert source_bytes(Source("dense", WHOLE, (), 4), 256, lambda _oid: None) == 0


def test_each_payload_counts_once() -> None:
    assert payload_bytes([WHOLE, PART, WHOLE], size_of) == 107
    assert payload_bytes([ObjectRef(C)], size_of) == 0


def test_sizes_of_whole_objects_are_here_or_in_the_manifest() -> None:
    assert known_bytes([WHOLE, PART, WHOLE], size_of) == 107
    assert known_bytes([WHOLE, ObjectRef(C)], size_of) is None
    assert known_bytes([WHOLE, ObjectRef(C, size=9)], size_of) == 109
    assert known_bytes([], size_of) == 0


def test_an_entry_counts_with_its_base_and_a_manifest_with_its_layout() -> None:
    delta = entry("w", B, Source("delta", PART, (Source("dense", WHOLE),)))
    assert entry_bytes(delta, size_of) == 107
    assert manifest_bytes(manifest(delta, entry("v", A, Source("dense", WHOLE))), size_of) == 107 + 9


def test_payloads_that_a_version_adds() -> None:
    old = manifest(entry("w", A, Source("dense", WHOLE)))
    new = manifest(entry("w", B, Source("delta", PART, (Source("dense", WHOLE),))))
    assert added_payloads(old, new) == {PART}
    assert added_payloads(None, old) == {WHOLE, ObjectRef(A, 0, 9)}
