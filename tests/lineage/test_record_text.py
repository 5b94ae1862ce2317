"""Texts of records: what users wrote stays."""

from __future__ import annotations

import tomllib

import pytest

from git_theta.lineage.record import LineageRecord, RecordedParent, RecordedRun, RecordError, parse_record
from git_theta.lineage.record_text import record_text

DIGEST = "blake3:" + "5" * 64


def test_a_new_text() -> None:
    record = LineageRecord(
        "merge", DIGEST, (RecordedParent("a.pt", "", DIGEST), RecordedParent("", "hf:x/y")), "why", ("emb.*",)
    )
    assert record_text(record).decode() == (
        f'relation = "merge"\nwhy = "why"\nmodel = "{DIGEST}"\nfrozen = ["emb.*"]\n\n'
        f'[[parent]]\npath = "a.pt"\nmodel = "{DIGEST}"\n\n[[parent]]\nuri = "hf:x/y"\n'
    )


def test_comments_and_unknown_keys_stay() -> None:
    old = (
        b'# ours\nrelation = "x" # for now\nteam = "nlp"\n\n[[parent]]\npath = "a"\nnote = "n"\n'
        b'\n[run]\ncommand = ["b"]\nhost = "h"\n'
    )
    record = LineageRecord("x", "", (RecordedParent("a", "", DIGEST),), run=RecordedRun(("c",)))
    text = record_text(record, old).decode()
    for kept in ("# ours", "# for now", 'team = "nlp"', 'note = "n"', 'host = "h"'):
        assert kept in text
    assert f'model = "{DIGEST}"' in text
    assert 'command = ["c"]' in text


def test_relations_of_parents() -> None:
    record = LineageRecord("merge", "", (RecordedParent("a"), RecordedParent("b", relation="adapted")))
    text = record_text(record)
    assert text.decode().endswith('[[parent]]\npath = "a"\n\n[[parent]]\npath = "b"\nrelation = "adapted"\n')
    assert parse_record(text, "r") == record
    one = LineageRecord("merge", "", (RecordedParent("a"), RecordedParent("b")))
    assert parse_record(record_text(one, text), "r") == one


def test_a_text_that_isnt_toml() -> None:
    with pytest.raises(RecordError, match="isn't valid TOML"):
        record_text(LineageRecord(), b"relation = ")


@pytest.mark.parametrize(
    "old",
    [
        b"run = {command = ['x'], inputs = {a = 'git:1'}, mine = 1}\n",
        b"run.command = ['x']\nrun.inputs.a = 'git:2'\nrun.mine = 1\n",
        b"parent = [{path = 'a'}, {uri = 'hf:b'}]\nrun = {command = ['x'], mine = 1}\n",
        b"[run]\ncommand = ['x']\nmine = 1\n[run.inputs]\n[[parent]]\npath = 'a'\n[run.environment]\n",
    ],
)
def test_all_forms_of_tables_can_be_changed(old: bytes) -> None:
    run = RecordedRun(("train",), {"b": "git:3"}, ("o",), {"python": "3"}, 1, "f")
    new = LineageRecord("merge", "", (RecordedParent(path="a"), RecordedParent(uri="hf:c")), "why", run=run)
    text = record_text(new, old)
    assert parse_record(text, "it") == new
    assert tomllib.loads(text.decode())["run"]["mine"] == 1
