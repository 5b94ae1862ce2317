from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.merging.renames import Rename, names_like, new_names, parse_rename, unused_renames

BERT = Rename("bert.*", "*")


@pytest.mark.parametrize(
    ("text", "name", "new"),
    [
        ("bert.*=*", "bert.pooler.weight", "pooler.weight"),
        ("bert.*=*", "roberta.pooler.weight", None),
        ("*=model.*", "norm", "model.norm"),
        ("head.weight=classifier.weight", "head.weight", "classifier.weight"),
        ("head.weight=classifier.weight", "head.weight.0", None),
        ("a.*.w=b.*.weight", "a.3.w", "b.3.weight"),
        ("aa*aa=*", "aaa", None),
        ("x[0]*=y*", "x[0]a", "ya"),
    ],
)
def test_names_by_a_pattern(text: str, name: str, new: str | None) -> None:
    rename = parse_rename(text)
    assert rename.renamed(name) == new
    assert str(rename) == text


@pytest.mark.parametrize("text", ["", "bert.*", "bert.*=", "=x", "bert.*=x", "x=*", "**=*", "*.*=*.*"])
def test_texts_that_are_no_pattern(text: str) -> None:
    with pytest.raises(UsageError, match="doesn't say which parameters"):
        parse_rename(text)


def test_all_names_change_at_once_and_the_last_pattern_counts() -> None:
    patterns = [Rename("layers.5.*", "layers.4.*"), Rename("layers.6.*", "layers.5.*")]
    names = ["layers.5.w", "layers.6.w", "layers.0.w"]
    assert new_names(names, ["layers.0.w", "layers.4.w", "layers.5.w"], patterns) == {
        "layers.5.w": "layers.4.w",
        "layers.6.w": "layers.5.w",
    }
    special = [BERT, Rename("bert.head", "top")]
    assert new_names(["bert.a", "bert.head"], ["a", "top"], special) == {"bert.a": "a", "bert.head": "top"}


def test_a_pattern_that_leads_to_no_name_of_ours_is_not_for_this_model() -> None:
    assert new_names(["bert.a", "bert.b"], ["bert.a", "bert.b"], [BERT]) == {}


def test_two_parameters_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match=r"both a and bert\.a would be renamed or called a"):
        new_names(["a", "bert.a"], ["a"], [BERT])


def test_a_base_is_named_as_the_side_that_it_has_more_names_of() -> None:
    theirs = {"bert.a": "a", "bert.b": "b"}
    assert names_like(["bert.a", "bert.b", "x"], ["a", "b", "x"], theirs) == theirs
    assert names_like(["a", "b", "bert.a"], ["a", "b"], theirs) == {}


def test_patterns_of_no_use_have_a_reason() -> None:
    models = [["a", "b"], ["bert.a"]]
    assert unused_renames([BERT], models) == {}
    assert "no parameter is called brt.*" in unused_renames([Rename("brt.*", "*")], models).popitem()[1]
    assert "no model has encoder.a" in unused_renames([Rename("bert.*", "encoder.*")], models).popitem()[1]
