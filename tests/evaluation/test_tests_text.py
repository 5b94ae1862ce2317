"""The text of `.theta/tests.toml`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.tests_text import drop_text, parse_drop, parse_tests, with_test, without_test

ACCURACY = ModelTest(
    "accuracy", ("python", "eval.py", "{model}"), ("sst2/*", "relation:adapter"), "json:accuracy", True, 0.01
)
LOSS = ModelTest(
    "loss",
    ("./loss", "{folder}"),
    ("*",),
    r"regex:loss=(\S+)",
    False,
    0.02,
    True,
    ("parents",),
    False,
    ("data",),
    60.0,
)

TEXT = b"""\
[test.accuracy]
command = ["python", "eval.py", "{model}"]
on = ["sst2/*", "relation:adapter"]
metric = "json:accuracy"
better = "higher"
max_drop = 0.01

[test.loss]
command = ["./loss", "{folder}"]
on = ["*"]
metric = "regex:loss=(\\\\S+)"
better = "lower"
max_drop = "2%"
against = ["parents"]
guard = false
inputs = ["data"]
timeout = 60
"""


def test_a_text_is_canonical() -> None:
    assert with_test(with_test(b"", ACCURACY), LOSS) == TEXT
    assert parse_tests(TEXT) == (ACCURACY, LOSS)
    assert with_test(TEXT, LOSS) == TEXT


def test_comments_and_unknown_keys_stay() -> None:
    text = b"# ours\nversion = 1\n\n" + TEXT.replace(
        b'better = "higher"', b'owner = "me" # ask\nbetter = "higher"'
    )
    changed = with_test(text, replace(ACCURACY, max_drop=0.5))
    assert changed == text.replace(b"max_drop = 0.01", b"max_drop = 0.5")
    assert without_test(changed, "loss").startswith(b"# ours\nversion = 1\n")
    assert b'owner = "me" # ask' in without_test(changed, "loss")
    assert parse_tests(without_test(changed, "accuracy")) == (LOSS,)
    assert b"test" not in without_test(without_test(changed, "accuracy"), "loss")


def test_what_a_test_has_no_more_is_taken_out() -> None:
    plain = ModelTest("loss", ("c", "{model}"))
    assert parse_tests(with_test(TEXT, plain)) == (ACCURACY, plain)


@pytest.mark.parametrize(
    "text",
    [
        b'test.a = {command = ["c", "{model}"], on = ["*"]}\n',
        b'[test]\na.command = ["c", "{model}"]\n',
        b'[test."a"]\ncommand = [\n  "c", # why\n  "{model}",\n]\n',
    ],
)
def test_other_forms_of_tables_are_changed(text: bytes) -> None:
    before = parse_tests(text)
    assert before[0].name == "a"
    assert parse_tests(with_test(text, LOSS)) == (*before, LOSS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[test.a", "isn't valid TOML"),
        (b"\xff", "isn't valid TOML"),
        (b"<<<<<<< HEAD\n[test.a]\n=======\n>>>>>>> b\n", "is in conflict"),
        (b"test = 1\n", "test isn't a table"),
        (b"[test]\na = 1\n", "a isn't a table"),
        (b'[test.a]\ncommand = "c {model}"\n', "command isn't a list of texts"),
        (b'[test.a]\ncommand = ["c"]\n', "doesn't read the model"),
        (b"[test.a]\n", "has no command"),
        (b'[test.a]\ncommand = ["{model}"]\nbetter = "up"\n', 'better isn\'t "higher" or "lower"'),
        (b'[test.a]\ncommand = ["{model}"]\nmax_drop = "much"\n', "max_drop"),
        (b'[test.a]\ncommand = ["{model}"]\nmax_drop = true\n', "max_drop isn't a number"),
        (b'[test.a]\ncommand = ["{model}"]\ntimeout = "1"\n', "timeout isn't a number"),
        (b'[test.a]\ncommand = ["{model}"]\nguard = 1\n', "guard isn't true or false"),
        (b'[test."a b"]\ncommand = ["{model}"]\n', "isn't the name of a test"),
        (b'[test.a]\ncommand = ["{model}"]\nmetric = "x"\n', "isn't a metric"),
        (b'[test.a]\ncommand = ["{model}"]\nagainst = ["x"]\n', "unknown results"),
        (b"a" + b".a" * 100_000 + b" = 1\n", "more than 64 parts"),
        (b"a = " + b"[" * 100_000, "isn't valid TOML"),
        (b'[test.a]\ncommand = ["{model}"]\ntimeout = 1' + b"0" * 400, "isn't a number that fits"),
    ],
)
def test_wrong_texts_are_one_error(text: bytes, said: str) -> None:
    for change in (parse_tests, lambda data: with_test(data, LOSS), lambda data: without_test(data, "a")):
        with pytest.raises(UsageError) as caught:
            change(text)
        assert said in caught.value.message
        assert ".theta/tests.toml" in caught.value.message


def test_words_that_arent_utf8_are_refused() -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        with_test(b"", replace(LOSS, command=("\udcff", "{model}")))


def test_drops_are_numbers_or_shares() -> None:
    assert parse_drop("0.01") == (0.01, False)
    assert parse_drop("2%") == (0.02, True)
    assert parse_drop(" .5 %") == (0.005, True)
    assert drop_text(*parse_drop("0.3%")) == "0.3%"
    for wrong in ("", "-1", "-2%", "nan", "inf", "x", "%"):
        with pytest.raises(UsageError):
            parse_drop(wrong)


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(
    st.lists(WORDS, max_size=4), st.lists(WORDS.filter(bool), max_size=2), st.booleans(), st.floats(0, 1e6)
)
def test_any_test_is_read_back(words: list[str], on: list[str], is_share: bool, max_drop: float) -> None:
    selectors = tuple(each for each in on if each.removeprefix("relation:")) or ("*",)
    test = ModelTest("t", ("c", *words, "{model}"), selectors, "json:a.b", not is_share, max_drop)
    assert parse_tests(with_test(TEXT, test))[-1] == test
    assert parse_tests(with_test(with_test(TEXT, test), ACCURACY)) == (ACCURACY, LOSS, test)
