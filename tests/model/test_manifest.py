from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import ManifestError
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.manifest_text import (
    is_manifest,
    parse_if_manifest,
    parse_manifest,
    parse_source,
    valid_manifest,
)
from git_theta.model.name_escapes import escape, unescape
from git_theta.model.tensor import TensorSpec
from tests.helpers.generators import manifests, sources
from tests.helpers.manifests import A, B, manifest_named


@given(manifests())
def test_parse_of_text_is_the_identity(made: Manifest) -> None:
    assert parse_manifest(made.to_bytes()) == made


@given(manifests())
def test_the_text_is_one_line_per_parameter(made: Manifest) -> None:
    text = made.to_text()
    assert text.splitlines() == text.split("\n")[:-1]
    assert len(text.splitlines()) == 4 + len(made.extra) + 1 + len(made.entries)


@given(st.text(min_size=1))
def test_unescape_of_escape_is_the_identity(name: str) -> None:
    written = escape(name)
    assert unescape(written) == name
    assert written == "".join(written.split())
    written.encode()


@given(sources)
def test_parse_of_a_source_is_the_identity(source: Source) -> None:
    assert parse_source(str(source)) == source


@given(manifests(), st.data())
def test_an_altered_manifest_is_refused_or_canonical(made: Manifest, data: st.DataObject) -> None:
    altered = bytearray(made.to_bytes())
    altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = parse_manifest(bytes(altered))
    except ManifestError:
        return
    assert again.to_bytes() == altered


def test_reads_as_documented() -> None:
    assert manifest_named("a b", "ä").to_text() == (
        "git-theta manifest 1\n"
        "format safetensors\n"
        "size 33\n"
        f"layout U8 [9] {A} dense({B}:0+9)\n"
        "\n"
        f"a%20b F32 [2,3] {A} dense({B})\n"
        f"ä F32 [2,3] {A} dense({B})\n"
    )


def test_the_size_of_an_object_may_be_known() -> None:
    sources = [f"delta({A}:3+4/90,dense({B}/70))", f"dense({B})", f"dense({B}:0+0/1)"]
    assert [str(parse_source(text)) for text in sources] == sources
    assert parse_source(sources[0]).payload == ObjectRef(A, 3, 4)
    layout = Entry("layout", TensorSpec("U8", (9,)), A, parse_source(sources[0]))
    entries = (Entry("x", TensorSpec("U8", (9,)), A, parse_source(sources[1])),)
    assert Manifest("opaque", 9, layout, entries).objects() == {A: 90, B: 70}
    for text in (f"dense({B}:3+4/6)", f"dense({B}/0)", f"dense({B}/07)", f"dense({B}/)", f"dense({B}/7:0+2)"):
        with pytest.raises(ManifestError):
            parse_source(text)


def test_a_scalar_has_an_empty_shape() -> None:
    entry = Entry("x", TensorSpec("I64", ()), A, Source("dense", ObjectRef(B)))
    assert entry.value_text().startswith("I64 [] ")


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
        ("\n\n", "\n", "canonical"),
    ],
)
def test_says_what_is_wrong(old: str, new: str, complaint: str) -> None:
    text = manifest_named("x").to_text()
    assert old in text
    with pytest.raises(ManifestError, match=complaint):
        parse_manifest(text.replace(old, new, 1).encode())


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


def test_a_newer_version_says_how_to_upgrade() -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(b"git-theta manifest 9\n\n")
    assert "upgrade" in caught.value.hint
