from __future__ import annotations

import pytest

from git_theta.errors import ManifestError
from git_theta.model.entry_text import MAX_KEYS, EntryReader
from tests.helpers.manifests import A, B

TEXTS = [
    f"F32 [2,3] {A} dense({B})",
    f"F32 [] {B} dense({B}:0+4/9@0)",
    f"BF16 [2,3] {A} delta(-,dense({B}))",
    f"F32 [2,3] {B} dense({A}) a=1 b-2= c=x=y",
]


def test_an_entry_has_one_text() -> None:
    reader = EntryReader()
    entries = [reader.read(f"w{number}", text) for number, text in enumerate(TEXTS)]
    assert [entry.value_text() for entry in entries] == TEXTS
    assert [entry.name for entry in entries] == ["w0", "w1", "w2", "w3"]
    assert entries[0].spec is entries[3].spec, "many parameters have one dtype and shape"
    assert entries[3].extra == (("a", "1"), ("b-2", ""), ("c", "x=y"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"F32 [2,3] {A}", "expected .name dtype"),
        (f"F33 [2,3] {A} dense({B})", "unknown dtype"),
        (f"F32 2,3 {A} dense({B})", "bad shape"),
        (f"F32 [2,,3] {A} dense({B})", "bad shape"),
        (f"F32 [02] {A} dense({B})", "bad shape"),
        (f"F32 [{','.join('1' * 65)}] {A} dense({B})", "bad shape"),
        (f"F32 [{1 << 60}] {A} dense({B})", "larger than any file"),
        (f"Q4_0 [31] {A} dense({B})", "whole blocks"),
        (f"F32 [2] {A[1:]} dense({B})", "bad digest"),
        (f"F32 [2] {A} dense({B}) ", "expected key=value"),
        (f"F32 [2] {A} dense({B})  a=1", "expected key=value"),
        (f"F32 [2] {A} dense({B}) b=1 a=1", "out of order"),
        (f"F32 [2] {A} dense({B}) a=1 a=1", "repeated"),
        (
            f"F32 [2] {A} dense({B})" + "".join(f" k{n}=1" for n in range(100, 101 + MAX_KEYS)),
            "too many|key=",
        ),
    ],
)
def test_a_text_that_is_no_entry(text: str, complaint: str) -> None:
    reader = EntryReader()
    reader.read("w", TEXTS[0])
    for _ in range(2):
        with pytest.raises(ManifestError, match=complaint):
            reader.read("w", text)
