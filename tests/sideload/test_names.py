from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.sideload.names import Names


def test_equal_names() -> None:
    names = Names(["a.weight", "b.a.weight"])
    assert names.find("a.weight") == "a.weight"
    assert names.find("b.a.weight") == "b.a.weight"


def test_a_prefix_of_the_checkpoint() -> None:
    names = Names(["state_dict/model.a.weight", "state_dict/model.b.weight"])
    assert names.find("a.weight") == "state_dict/model.a.weight"
    assert names.find("model/b.weight") == "state_dict/model.b.weight"
    assert names.find("c.weight") is None
    assert names.find("weight.a") is None


def test_a_prefix_of_the_data() -> None:
    names = Names(["layer.0.a.weight", "a.weight", "weight"])
    assert names.find("bert.layer.0.a.weight") == "layer.0.a.weight"
    assert names.find("bert.layer.1.a.weight") == "a.weight"
    assert names.find("bert.layer.1.b.weight") is None


def test_only_whole_words_count() -> None:
    assert Names(["extra.weight"]).find("a.weight") is None


def test_ambiguity() -> None:
    names = Names(["one.a.weight", "two.a.weight"])
    with pytest.raises(UsageError, match=r"any of 'one.a.weight', 'two.a.weight'"):
        names.find("a.weight")


def test_an_error_suggests_the_closest_names() -> None:
    with pytest.raises(
        UsageError,
        match=r"no parameter 'encoder.query.wieght' in .*\nhint: .*: encoder.query.weight",
    ):
        Names(["encoder.query.weight", "other"]).get("encoder.query.wieght")
    with pytest.raises(UsageError, match="it has no parameters"):
        Names([]).get("a")
