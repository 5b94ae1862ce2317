"""Tests of models, and the models that they're for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from git_theta.errors import UsageError
from git_theta.evaluation.model_test import ModelTest, check_test, find_test, guards

ACCURACY = ModelTest("accuracy", ("python", "eval.py", "{model}"), metric="json:accuracy")


@pytest.mark.parametrize(
    ("selector", "model", "expected"),
    [
        ("*", "sst2/model.safetensors", True),
        ("*.safetensors", "a/b/model.safetensors", True),
        ("*.pt", "a/b/model.safetensors", False),
        ("sst2", "sst2/model.safetensors", True),
        ("sst2/", "sst2/model.safetensors", True),
        ("sst2/model.safetensors", "sst2/model.safetensors", True),
        ("sst", "sst2/model.safetensors", False),
        ("tasks/*", "tasks/sst2/model.pt", True),
        ("tasks/*/model.pt", "tasks/sst2/model.pt", True),
        ("model.pt", "tasks/model.pt", True),
        ("relation:adapter", "x.pt", True),
        ("relation:merge", "x.pt", False),
        ("[a].pt", "[a].pt", True),
    ],
)
def test_a_selector_chooses_models(selector: str, model: str, *, expected: bool) -> None:
    test = replace(ACCURACY, on=("never", selector))
    assert test.is_for(model, {"adapter", "finetune"}) == expected
    assert test.needs_relations == selector.startswith("relation:")


def test_words_are_filled_in_once() -> None:
    test = ModelTest("t", ("x", "--m={model}", "{path}{path}", "{other}", "{out}"))
    values = {"{model}": "/tmp/{path}", "{path}": "a", "{out}": "o", "{folder}": "f", "{parent}": ""}
    assert test.filled_in(values) == ["x", "--m=/tmp/{path}", "aa", "{other}", "o"]


@pytest.mark.parametrize(
    "name", ["$(touch x)", "`x`", "a;b", "a'b", 'a"b', "a\nb", "a|b", "*", "a\\b", "a&b"]
)
def test_names_of_models_run_no_code(name: str) -> None:
    values = {"{model}": f"/tmp/1/{name}", "{path}": name, "{folder}": "/tmp/1"}
    for script in ("wc < {model}", "f('{path}')", 'x="{path}"'):
        with pytest.raises(UsageError, match="may obey") as caught:
            ModelTest("t", ("sh", "-c", script, "{model}")).filled_in(values)
        assert "word of its own" in caught.value.hint
    apart = ModelTest("t", ("sh", "-c", 'wc < "$1" {folder}', "sh", "{model}", "--path={path}"))
    assert apart.filled_in(values)[3:] == ["sh", f"/tmp/1/{name}", f"--path={name}"]
    values["{path}"] = values["{model}"] = "mödel 1/x-y_z.pt"
    assert ModelTest("t", ("sh", "-c", "wc < '{model}'")).filled_in(values)[2] == "wc < 'mödel 1/x-y_z.pt'"


def test_guards_are_tests_of_the_model_that_arent_excluded() -> None:
    tests = (ACCURACY, replace(ACCURACY, name="slow", is_guard=False), replace(ACCURACY, name="b", on=("b",)))
    assert [test.name for test in guards(tests, "a/model.pt")] == ["accuracy"]


@pytest.mark.parametrize(
    "test",
    [
        replace(ACCURACY, name=""),
        replace(ACCURACY, name="a b"),
        replace(ACCURACY, name="../x"),
        replace(ACCURACY, name="-x"),
        replace(ACCURACY, command=()),
        replace(ACCURACY, command=("python", "eval.py")),
        replace(ACCURACY, command=("a\0", "{model}")),
        replace(ACCURACY, on=()),
        replace(ACCURACY, on=("relation:",)),
        replace(ACCURACY, metric="accuracy"),
        replace(ACCURACY, max_drop=-0.1),
        replace(ACCURACY, max_drop=float("nan")),
        replace(ACCURACY, metric="", max_drop=0.1),
        replace(ACCURACY, inputs=("../data",)),
        replace(ACCURACY, inputs=("/data",)),
        replace(ACCURACY, timeout=0.0),
        replace(ACCURACY, timeout=float("inf")),
    ],
)
def test_tests_without_sense_are_refused(test: ModelTest) -> None:
    check_test(ACCURACY)
    with pytest.raises(UsageError):
        check_test(test)


def test_a_name_that_isnt_there_suggests_one() -> None:
    assert find_test([ACCURACY], "accuracy") is ACCURACY
    with pytest.raises(UsageError, match="acuracy") as caught:
        find_test([ACCURACY], "acuracy")
    assert "accuracy" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        find_test([], "x")
    assert "git theta test add" in caught.value.hint
