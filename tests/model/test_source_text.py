from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import ManifestError
from git_theta.model.manifest import Source
from git_theta.model.source_text import SourceReader, parse_source
from tests.helpers.generators import sources
from tests.helpers.manifests import A, B


@given(sources)
def test_parse_of_a_source_is_the_identity(source: Source) -> None:
    assert parse_source(str(source)) == source


@given(sources, st.data())
def test_an_altered_source_is_refused_or_canonical(source: Source, data: st.DataObject) -> None:
    text = str(source)
    at = data.draw(st.integers(0, len(text) - 1))
    altered = text[:at] + data.draw(st.sampled_from("0a-(),:+/@ ")) + text[at + 1 :]
    try:
        again = parse_source(altered)
    except ManifestError:
        return
    assert str(again) == altered


@given(st.lists(sources))
def test_a_reader_reads_each_source_as_if_it_were_the_first(several: list[Source]) -> None:
    reader = SourceReader()
    assert [reader.read(str(source)) for source in several] == several


def test_an_object_that_many_sources_name_is_read_once() -> None:
    reader = SourceReader()
    first, second = reader.read(f"dense({B}:3+4/90@0)"), reader.read(f"steps({A}@1,dense({B}:3+4/90@2))")
    assert second.inputs[0].payload is first.payload


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "bad source"),
        ("dense", "bad source"),
        ("dense()", "bad object"),
        (f"dense({A[1:]})", "bad object"),
        (f"dense({A.upper()})", "bad object"),
        (f"dense({A}:03+4)", "bad object"),
        (f"dense({A}:3)", "bad object"),
        (f"dense({A}:3+4/6)", "beyond the end"),
        ("dense(-@0)", "bad object"),
        (f"dense({A})x", "bad source"),
        (f"dense({A},)", "bad source"),
        (f"dense({A} ,dense({A}))", "bad object"),
        (f"-dense({A})", "bad source"),
        ("d(-," * 65 + "d(-)" + ")" * 65, "bad source"),
    ],
)
def test_a_text_that_is_no_source(text: str, complaint: str) -> None:
    reader = SourceReader()
    for _ in range(2):
        with pytest.raises(ManifestError, match=complaint):
            reader.read(text)
