"""Keys of manifests: equal for those that rebuild one file."""

from __future__ import annotations

from git_theta.merging.manifest_parts import file_key
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from tests.helpers.small_manifests import manifest


def test_content_does_not_depend_on_where_it_is_stored() -> None:
    one, other = manifest(w="a"), manifest(w="a")
    moved = Entry("w", one.entries[0].spec, one.entries[0].digest, Source("delta", ObjectRef("1" * 64)))
    assert file_key(one) == file_key(Manifest(other.format, other.size, other.layout, (moved,)))
    assert file_key(one) != file_key(manifest(w="b"))
