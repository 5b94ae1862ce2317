from __future__ import annotations

import pytest

from git_theta.git.repository.conversions import as_stored, converting_attribute, keeps_manifests
from tests.helpers.manifests import manifest_named

TEXT = manifest_named("weight").to_bytes()


@pytest.mark.parametrize("encoding", ["unspecified", "", "UTF-8", "utf8", "latin1", "ISO-8859-15", "CP1252"])
def test_encodings_in_which_ascii_is_the_same(encoding: str) -> None:
    assert keeps_manifests(encoding)
    assert converting_attribute(TEXT, encoding, "unspecified") == ""


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16LE-BOM", "UTF-32BE", "UTF-7", "SJIS", "cp037", "x"])
def test_other_encodings_change_a_manifest(encoding: str) -> None:
    assert not keeps_manifests(encoding)
    assert converting_attribute(TEXT, encoding, "unspecified") == "working-tree-encoding"


def test_a_name_that_is_not_ascii_needs_utf_8() -> None:
    text = manifest_named("wéight").to_bytes()
    assert converting_attribute(text, "latin1", "unspecified") == "working-tree-encoding"
    assert converting_attribute(text, "UTF-8", "unspecified") == ""


@pytest.mark.parametrize(
    ("name", "ident", "changes"),
    [("a$Id$b", "set", True), ("a$Id$b", "unspecified", False), ("weight", "set", False)],
)
def test_ident_changes_a_name_with_a_keyword(name: str, ident: str, changes: bool) -> None:
    found = converting_attribute(manifest_named(name).to_bytes(), "unspecified", ident)
    assert found == ("ident" if changes else "")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_manifest_in_a_wide_encoding_is_read(codec: str, mark: str) -> None:
    assert as_stored(memoryview((mark + TEXT.decode()).encode(codec))) == TEXT


@pytest.mark.parametrize(
    "content",
    [TEXT, b"", b"\0", "text".encode("utf-16"), "git-theta manifest 1".encode("utf-16-le")[:-1], bytes(100)],
)
def test_other_content_stays_as_it_is(content: bytes) -> None:
    assert as_stored(memoryview(content)) == content
