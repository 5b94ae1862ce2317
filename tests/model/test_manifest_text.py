from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import ManifestError
from git_theta.model import manifest_text
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import (
    MAX_LINE_BYTES,
    is_manifest,
    parse_if_manifest,
    parse_manifest,
    valid_manifest,
    with_plain_line_ends,
)
from tests.helpers.generators import manifests
from tests.helpers.manifests import A, B, manifest_named


@given(manifests())
def test_parse_of_text_is_the_identity(made: Manifest) -> None:
    assert parse_manifest(made.to_bytes()) == made


@given(manifests(), st.data())
def test_an_altered_manifest_is_refused_or_canonical(made: Manifest, data: st.DataObject) -> None:
    altered = bytearray(made.to_bytes())
    altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = parse_manifest(bytes(altered))
    except ManifestError:
        return
    assert again.to_bytes() == altered


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("manifest 1", "manifest 2", "version '2' isn't known"),
        ("size 33", "size 033", "bad size"),
        ("size 33", "size -1", "bad size"),
        ("size 33", f"size {1 << 60}", "bad size"),
        ("size 33\n", "", "no 'size'"),
        ("size 33", "size 33\nsize 33", "line 4: expected one"),
        ("[2,3]", "[2,-3]", "line 6: bad shape"),
        ("[2,3]", "[02,3]", "bad shape"),
        ("[2,3]", f"[{1 << 40},{1 << 40}]", "larger than any file"),
        ("F32", "F33", "unknown dtype"),
        ("F32", "F32 ", "bad shape"),
        (f"dense({B})", "dense(../../etc/passwd)", "bad object"),
        (f"dense({B})", "dense(-", "bad source"),
        (f"dense({B})", "d(-," * 99 + "d(-)" + ")" * 99, "bad source"),
        (f"x F32 [2,3] {A}", f"x F32 [2,3] {A[:-1]}", "bad digest"),
        ("x F32", "%78 F32", "valid parameter name"),
        ("x F32", "x%0 F32", "valid parameter name"),
        ("x F32", "x%FF F32", "valid parameter name"),
        ("x F32", " F32", "valid parameter name"),
        ("\n\n", "\n", "the header doesn.t end"),
        ("size 33\nlayout", "layout", "no .size."),
        ("format safetensors\nsize 33\n", "size 33\nformat safetensors\n", "canonical"),
    ],
)
def test_an_error_names_the_line_and_the_reason(old: str, new: str, complaint: str) -> None:
    text = manifest_named("x").to_text()
    assert old in text
    with pytest.raises(ManifestError, match=complaint):
        parse_manifest(text.replace(old, new, 1).encode())


def test_tied_parameters_are_read_as_others_are() -> None:
    made = manifest_named(*(f"tied{index}" for index in range(5)))
    assert parse_manifest(made.to_bytes()) == made
    text = made.to_text()
    for damaged, complaint in (("tied3 F33", "line 9: unknown dtype"), ("tied%0 F32", "line 9.*name")):
        with pytest.raises(ManifestError, match=complaint):
            parse_manifest(text.replace("tied3 F32", damaged).encode())


def test_order_and_repetition_are_refused() -> None:
    for names in (("b", "a"), ("a", "a")):
        with pytest.raises(ManifestError, match="repeated or out of order"):
            parse_manifest(manifest_named(*names).to_bytes())


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"git-theta manifest ", b"version https://git-lfs", b"\0" * 99]
)
def test_other_bytes_are_no_manifest(data: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(data)


def test_conflict_markers_are_refused() -> None:
    text = manifest_named("x").to_text()
    line = text.splitlines()[-1]
    with pytest.raises(ManifestError):
        parse_manifest(text.replace(line, f"<<<<<<< ours\n{line}\n=======\n{line}\n>>>>>>> theirs").encode())


def test_is_manifest_looks_at_the_beginning() -> None:
    assert is_manifest(manifest_named("x").to_bytes())
    assert not is_manifest(b"git-theta")


def test_bytes_that_may_be_a_manifest() -> None:
    found = manifest_named("x")
    damaged = found.to_bytes()[:-1]
    assert parse_if_manifest(memoryview(found.to_bytes())) == found == valid_manifest(found.to_bytes())
    assert parse_if_manifest(b"weights") is None is valid_manifest(b"weights")
    assert valid_manifest(None) is None is valid_manifest(damaged)
    with pytest.raises(ManifestError):
        parse_if_manifest(damaged)


def test_line_ends_that_git_converted() -> None:
    text = manifest_named("w", "x").to_bytes()
    converted = text.replace(b"\n", b"\r\n")
    assert parse_manifest(converted).to_bytes() == text
    assert with_plain_line_ends(converted) == text
    assert with_plain_line_ends(text) is text
    newer = converted.replace(b"manifest 1\r", b"manifest 9\r")
    with pytest.raises(ManifestError, match="version '9' isn't known"):
        parse_manifest(newer)


def test_a_line_longer_than_the_limit_is_refused_without_being_parsed() -> None:
    text = manifest_named("x").to_bytes()
    start = text.index(b"[2,3]") + 1
    for long in (b"1," * MAX_LINE_BYTES, b"1," * 64):
        with pytest.raises(ManifestError, match="line 6"):
            parse_manifest(text[:start] + long + text[start:])


def test_a_header_longer_than_the_limit_is_refused() -> None:
    text = manifest_named("x").to_bytes()
    many = b"".join(b"\nx%d 1" % index for index in range(200))
    for more in (b"\nx " + b"1" * MAX_LINE_BYTES, many):
        with pytest.raises(ManifestError, match="header"):
            parse_manifest(text.replace(b"\n\n", more + b"\n\n"))


@pytest.mark.parametrize(
    ("limit", "complaint"), [("MAX_PARAMETERS", "parameters"), ("MAX_SOURCES", "sources")]
)
def test_more_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str, complaint: str) -> None:
    text = manifest_named("w", "x").to_bytes()
    monkeypatch.setattr(manifest_text, limit, 2)
    parse_manifest(text)
    monkeypatch.setattr(manifest_text, limit, 1)
    with pytest.raises(ManifestError, match=complaint):
        parse_manifest(text)


def test_a_text_longer_than_the_limit_is_no_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    text = manifest_named("x").to_bytes()
    monkeypatch.setattr(manifest_text, "MAX_TEXT_BYTES", len(text) - 1)
    assert parse_if_manifest(text) is None
    with pytest.raises(ManifestError, match="larger than the limit"):
        parse_manifest(text)


@pytest.mark.parametrize("many", [101, 5000])
def test_more_keys_than_the_limit_are_refused(many: int) -> None:
    text = manifest_named("x").to_text().rstrip("\n")
    text += "".join(f" k{index:04}=1" for index in range(many))
    with pytest.raises(ManifestError, match="line 6"):
        parse_manifest(text.encode() + b"\n")
