from __future__ import annotations

import pytest
from hypothesis import given

from git_theta.errors import ManifestError
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.source_text import parse_source
from git_theta.model.tensor import TensorSpec
from tests.helpers.generators import manifests
from tests.helpers.manifests import A, B, manifest_named


@given(manifests())
def test_the_text_is_one_line_per_parameter(made: Manifest) -> None:
    text = made.to_text()
    assert text.splitlines() == text.split("\n")[:-1]
    assert len(text.splitlines()) == 4 + len(made.extra) + 1 + len(made.entries)


@given(manifests())
def test_the_text_has_the_source_of_each_value(made: Manifest) -> None:
    sources = [(entry.digest, str(entry.source)) for entry in made.all_entries()]
    assert list(made.source_texts()) == sources


def test_the_text_is_as_documented() -> None:
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


def test_a_value_may_be_at_a_place_in_a_bundle() -> None:
    texts = [f"steps({A}:3+4/90@256,dense({B}/70@0))", f"dense({B}@7)", f"dense({B}:0+0@18)"]
    sources = [parse_source(text) for text in texts]
    assert [str(source) for source in sources] == texts
    assert [source.place for source in sources] == [256, 7, 18]
    assert sources[0].payload == ObjectRef(A, 3, 4), "the values of a bundle share its payload"
    assert list(sources[0].payloads()) == [ObjectRef(A, 3, 4), ObjectRef(B)]
    assert list(sources[0].sources()) == [sources[0], sources[0].inputs[0]]
    for text in (f"dense({B}@)", f"dense({B}@07)", f"dense({B}@-1)", "dense(-@0)", f"dense({B}@1/70)"):
        with pytest.raises(ManifestError):
            parse_source(text)


def test_a_scalar_has_an_empty_shape() -> None:
    entry = Entry("x", TensorSpec("I64", ()), A, Source("dense", ObjectRef(B)))
    assert entry.value_text().startswith("I64 [] ")


def test_the_depth_of_a_source_is_its_longest_chain() -> None:
    source = parse_source(f"recipe({A},delta({B},dense({A})),dense({B}))")
    assert (source.depth, source.inputs[0].depth, source.inputs[1].depth) == (3, 2, 1)
    assert [ref.oid for ref in source.payloads()] == [A, B, A, B]
