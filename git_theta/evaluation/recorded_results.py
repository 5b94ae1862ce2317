"""Recorded results: a tracked text for each model, so that history has its metrics.

Each result has the digest of the model that was tested: results of an earlier version show as such.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from git_theta.errors import UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult

#: The folder of recorded results, from the top of the repository, and the end of their names.
FOLDER = ".theta/results/"
_SUFFIX = ".json"

#: Bytes of such a text, at most.
MAX_RESULTS = 1 << 20

_MARKERS = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """The result of a test as it's recorded.

    Attributes:
        model: The digest of the parameters of the tested model.
        value: The metric; `None` if there's none.
        ok: Whether the command succeeded, with a metric if the test has one.
        problem: Why it didn't, in one line.
        is_higher_better: Whether models with a higher metric are better.
    """

    model: str
    value: float | None
    ok: bool
    problem: str = ""
    is_higher_better: bool = True


def results_path(model: str) -> str:
    """The path of the recorded results of a model, from the top."""
    return f"{FOLDER}{model}{_SUFFIX}"


def recorded(test: ModelTest, result: TestResult) -> RecordedResult:
    """A result, to be recorded."""
    return RecordedResult(result.digest, result.value, result.ok, result.problem, test.higher_is_better)


def results_text(results: Mapping[str, RecordedResult]) -> bytes:
    """The text of recorded results, by the names of their tests: the same for the same results."""
    table = {}
    for name, result in results.items():
        fields: dict[str, Any] = {"model": result.model, "ok": result.ok, "value": result.value}
        if result.value is not None:
            fields["better"] = "higher" if result.is_higher_better else "lower"
        if result.problem:
            fields["problem"] = result.problem
        table[name] = fields
    return json.dumps(table, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"


def parse_results(data: bytes, where: str) -> dict[str, RecordedResult]:
    """Test → its recorded result.

    Args:
        data: The text. Keys that aren't known are left out.
        where: Its path for messages.

    Raises:
        UsageError: It isn't valid.
    """
    try:
        table = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        if not isinstance(error, UnicodeDecodeError) and _MARKERS.search(data.decode()):
            raise UsageError(
                f"{where} is in conflict", "take a side, or record it anew and add it"
            ) from error
        raise UsageError(f"{where} isn't valid JSON: {error}", "record it anew") from error
    if not isinstance(table, dict):
        raise UsageError(f"{where} isn't a table of results", "record it anew")
    return {name: _result(name, fields, where) for name, fields in table.items()}


def _result(name: str, fields: object, where: str) -> RecordedResult:
    found = fields if isinstance(fields, dict) else {}
    model, value, problem = found.get("model"), found.get("value"), found.get("problem", "")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(model, str) or not (is_number or value is None) or not isinstance(problem, str):
        raise UsageError(f"{where}: {name!r} isn't a result", "record it anew: git theta test run --record")
    try:
        number = None if value is None else float(value)
    except OverflowError:
        number = math.inf
    if number is not None and not math.isfinite(number):
        raise UsageError(f"{where}: the value of {name!r} isn't finite", "record it anew")
    return RecordedResult(model, number, found.get("ok") is True, problem, found.get("better") != "lower")
