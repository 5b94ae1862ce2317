"""Readers of tests of models: the tracked file of tests, recorded results, and outputs of commands."""

from __future__ import annotations

import math
from random import Random

from git_theta.errors import ThetaError
from git_theta.evaluation.metric import read_metric
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.recorded_results import RecordedResult, parse_results, results_text
from git_theta.evaluation.script_references import imported_modules, shell_words
from git_theta.evaluation.tests_text import parse_tests, with_test, without_test
from tests.fuzz.target import Target

_TESTS = (
    '[test.acc]\ncommand = ["python", "eval.py", "{model}"]\nmetric = "json:a.b"\nmax_drop = "2%"\n',
    '[test.loss] # why\ncommand = [\n "c", "{folder}" ]\nmetric = "regex:(\\\\d+)"\nbetter = "lower"\n',
    'timeout = 6e1\nagainst = ["parents"]\n',
    '[test."x-y"]\ncommand = ["{model}"]\non = ["*.pt", "relation:merge"]\nunknown = [1, {a = 2}]\n',
    "version = 1\n",
)

_ANOTHER = ModelTest("another", ("c", "{model}"), metric="json:x", max_drop=0.1)


def tests_file(random: Random) -> bytes:
    """A `.theta/tests.toml`."""
    return "".join(random.sample(_TESTS, random.randint(0, 5))).encode()


def read_tests_file(data: bytes) -> None:
    """Read tests, add one and take it away again: the others stay."""
    found = parse_tests(data)
    changed = with_test(data, _ANOTHER)
    others = [test for test in found if test.name != _ANOTHER.name]
    assert [test for test in parse_tests(changed) if test.name != _ANOTHER.name] == others
    assert [*parse_tests(without_test(changed, _ANOTHER.name))] == others


def results(random: Random) -> bytes:
    """Recorded results of a model."""
    values = (0.5, -1.0, None, 1e300)
    return results_text(
        {
            f"test{number}": RecordedResult("blake3:0", random.choice(values), ok=random.random() < 0.5)
            for number in range(random.randrange(4))
        }
    )


def read_results(data: bytes) -> None:
    """Read results, whose text gives them again."""
    found = parse_results(data, "results")
    assert parse_results(results_text(found), "results") == found


def output(random: Random) -> bytes:
    """The output of a command."""
    lines = ("loading…", '{"acc": 0.5}', '{"a": {"b": [1, 2]}}', "acc=0.75", "[1, 2]", "import a, b.c", "")
    return "\n".join(random.choices(lines, k=random.randint(0, 5))).encode()


def read_output(data: bytes) -> None:
    """Read metrics, each finite or an error; and what the text refers to, were it a script."""
    text = data.decode(errors="replace")
    places = ["json:acc", "json:a.b.1"]
    if len(data) % 16 == 0:
        # Each search starts a process.
        places.append(r"regex:acc=(\S+)")
    errors = []
    for place in places:
        try:
            assert math.isfinite(read_metric(place, text))
        except ThetaError as error:
            errors.append(error)
    imported_modules(text)
    shell_words(text)
    if len(errors) == len(places):
        raise errors[0]


EVALUATION_TARGETS = (
    Target(
        "tests-file",
        tests_file,
        read_tests_file,
        (b"[test.", b'"', b"= true", b"inf", b"nan", b"{", b"a.b.c = 1", b"\xff", b"'''", b"9" * 5000),
    ),
    Target(
        "recorded-results",
        results,
        read_results,
        (b"{", b"[", b"null", b"NaN", b"1e999", b"9" * 5000, b"\\ud800", b'"value"', b"true"),
        share=0.6,
    ),
    Target(
        "metric",
        output,
        read_output,
        (b"{", b"[", b"NaN", b"1e999", b"9" * 5000, b'"acc"', b"(", b"from . import (", b"import ", b"\x00"),
        share=0.3,
    ),
)
