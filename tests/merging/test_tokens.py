from __future__ import annotations

import json
from typing import Any

import pytest

from git_theta.errors import UsageError
from git_theta.merging.settings_versions import parsed_settings
from git_theta.merging.tokens import tokens_of


@pytest.mark.parametrize("vocabulary", [{"a": 0, "b": 1}, [["a", 0.0], ["b", -1.5]]], ids=["BPE", "Unigram"])
def test_a_vocabulary_and_what_was_added(vocabulary: Any) -> None:
    added = [{"id": 1, "content": "b"}, {"id": 2, "content": "<pad>", "special": True}]
    tokenizer = {"model": {"type": "any", "vocab": vocabulary}, "added_tokens": added}
    assert tokens_of(tokenizer) == {"a": 0, "b": 1, "<pad>": 2}
    assert parsed_settings("x/tokenizer.json", json.dumps(tokenizer).encode()) == tokens_of(tokenizer)
    assert parsed_settings("x/config.json", b'{"model": 1}') == {"model": 1}


@pytest.mark.parametrize(
    ("tokenizer", "said"),
    [
        ({}, "has no vocabulary"),
        ({"model": []}, "has no vocabulary"),
        ({"model": {"vocab": 5}}, "has no vocabulary"),
        ({"model": {"vocab": {"a": True}}}, "without a valid id"),
        ({"model": {"vocab": {"a": -1}}}, "without a valid id"),
        ({"model": {"vocab": {"a": 1 << 60}}}, "without a valid id"),
        ({"model": {"vocab": {"a": 1.5}}}, "without a valid id"),
        ({"model": {"vocab": [[]]}}, "without a valid id"),
        ({"model": {"vocab": [[["a"], 0]]}}, "without a valid id"),
        ({"model": {"vocab": {"a": 0, "b": 0}}}, "gives 'a' and 'b' the id 0"),
        ({"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 3, "content": "a"}]}, "'a' the ids 0 and 3"),
        ({"model": {"vocab": {"a": 0}}, "added_tokens": ["a"]}, "without a valid id"),
        ({"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 1}]}, "without a valid id"),
    ],
)
def test_other_files_are_refused(tokenizer: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        tokens_of(tokenizer)
