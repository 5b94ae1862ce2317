"""Lineage records: what is valid, and how they're written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.lineage.record import (
    MAX_RECORD,
    LineageRecord,
    RecordedParent,
    RecordedRun,
    RecordError,
    model_of,
    parse_record,
    record_path,
)
from git_theta.lineage.record_text import record_text

DIGEST = "blake3:" + "5" * 64


def test_paths_of_records() -> None:
    assert record_path("a/m.pt") == ".theta/lineage/a/m.pt.toml"
    assert model_of(".theta/lineage/a/m.pt.toml") == "a/m.pt"
    for path in (
        ".theta/config.toml",
        ".theta/lineage/.toml",
        ".theta/lineage/../x.toml",
        ".theta/lineage/a",
    ):
        assert model_of(path) is None


def test_everything_that_a_record_may_say() -> None:
    text = f'''
relation = "finetune"
model = "{DIGEST}"
why = "better"
owner = "nlp"
[[parent]]
path = "base/m.pt"
model = "{DIGEST}"
[[parent]]
uri = "hf:org/name@main"
relation = "adapted"
[run]
command = ["python", "train.py"]
inputs = {{ "train.py" = "git:3b18" }}
frozen = ["emb.*"]
outputs = ["a.pt", "b.pt"]
seed = 3
seconds = 1.5
environment = {{ python = "3.12" }}
'''
    assert parse_record(text.encode(), "r") == LineageRecord(
        "finetune",
        DIGEST,
        (RecordedParent("base/m.pt", "", DIGEST), RecordedParent("", "hf:org/name@main", relation="adapted")),
        "better",
        ("emb.*",),
        RecordedRun(
            ("python", "train.py"),
            {"train.py": "git:3b18"},
            ("a.pt", "b.pt"),
            {"python": "3.12"},
            3,
            seconds=1.5,
        ),
    )


def test_an_empty_record() -> None:
    assert parse_record(b"", "r") == LineageRecord()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("relation = 3", "relation isn't a text"),
        ("model = 'blake3:xy'", "digest of a model"),
        ("parent = 'base'", "list of tables"),
        ("[[parent]]\nwhy = 'x'", "its path or by its uri"),
        ("[[parent]]\npath = 'a'\nuri = 'b:c'", "its path or by its uri"),
        ("[[parent]]\npath = '../a'", "in the repository"),
        ("[[parent]]\npath = '/etc/passwd'", "in the repository"),
        ("frozen = [1]", "list of texts"),
        ("run = 1", "run isn't a table"),
        ("[run]\n", "command isn't a list of words"),
        ("[run]\ncommand = ['a']\ninputs = { '../x' = 'git:1' }", "in the repository"),
        ("[run]\ncommand = ['a']\noutputs = ['/x']", "in the repository"),
        ("[run]\ncommand = ['a']\nseed = 'x'", "seed isn't a whole number"),
        ("[run]\ncommand = ['a']\nseconds = 'x'", "seconds isn't a number of seconds"),
        ("[run]\ncommand = ['a']\nseconds = nan", "seconds isn't a number of seconds"),
        ("[run]\ncommand = ['a']\nseconds = -1", "seconds isn't a number of seconds"),
        ("[run]\ncommand = ['a']\nseconds = true", "seconds isn't a number of seconds"),
        ("relation = ", "isn't valid TOML"),
        ("<<<<<<< ours\nrelation = 'a'\n=======\nrelation = 'b'\n>>>>>>> theirs\n", "is in conflict"),
        ("a = " + "[" * 5000, "isn't valid TOML"),
        ("#" + " " * MAX_RECORD, "larger than"),
    ],
)
def test_bad_records(text: str, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        parse_record(text.encode(), "r")


def test_bytes_that_arent_text() -> None:
    with pytest.raises(RecordError, match="isn't valid TOML"):
        parse_record(b"\xff", "r")


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
paths = st.from_regex(r"[a-zé ]{1,5}(/[a-z\"\\#]{1,5})?", fullmatch=True)
digests = st.sampled_from(["", DIGEST])
parents = st.builds(RecordedParent, paths, st.just(""), digests) | st.builds(
    RecordedParent, st.just(""), texts.map(lambda text: f"hf:{text}"), digests
)
runs = st.builds(
    RecordedRun,
    st.lists(texts, min_size=1, max_size=4).map(tuple),
    st.dictionaries(paths, texts, max_size=3),
    st.lists(paths, max_size=2).map(tuple),
    st.dictionaries(texts, texts, max_size=2),
    st.none() | st.integers(-(1 << 40), 1 << 40),
)
records = st.builds(
    LineageRecord,
    texts,
    digests,
    st.lists(parents, max_size=3, unique_by=lambda each: each.name).map(tuple),
    texts,
    st.lists(texts, max_size=3).map(tuple),
    st.none() | runs,
)


@given(records, records)
def test_a_text_says_what_the_record_does(record: LineageRecord, old: LineageRecord) -> None:
    text = record_text(record)
    assert parse_record(text, "r") == record
    assert record_text(record, text) == text
    assert parse_record(record_text(record, record_text(old)), "r") == record
