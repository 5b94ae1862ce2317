"""Metrics: a number in the output of a command, by its key in JSON or by a regular expression."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from git_theta.errors import ThetaError, UsageError
from git_theta.runtime.bounded_search import SearchError, last_match

_JSON = "json:"
_REGEX = "regex:"

#: Characters of an output that a message shows.
_SHOWN = 60

#: Characters of a pattern, at most: to compile a long one takes minutes.
_MAX_PATTERN = 1000


class MetricError(ThetaError):
    """The output of a command has no metric, or one that isn't a finite number."""


def check_metric(metric: str) -> None:
    """Check the place of a metric, as `ModelTest.metric` has it.

    Raises:
        UsageError: It isn't valid.
    """
    if not metric:
        return
    if metric.startswith(_JSON):
        if not metric.removeprefix(_JSON):
            raise UsageError("json: has no key", "such as json:accuracy, or json:results.accuracy")
        return
    if not metric.startswith(_REGEX):
        raise UsageError(f"{_shown(metric)} isn't a metric", "json:KEY, or regex:PATTERN")
    if len(metric) > _MAX_PATTERN:
        raise UsageError(f"a regular expression is longer than {_MAX_PATTERN:,} characters")
    try:
        re.compile(metric.removeprefix(_REGEX))
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{metric!r} isn't a regular expression: {error}") from error


def read_metric(metric: str, output: str) -> float:
    """The metric in the output of a command.

    A key of JSON leads through objects and lists: `results.0.accuracy`. The whole output is JSON, or its last
    line that has the key is. Of the matches of a regular expression, the last one counts, with its first
    group if it has any.

    Args:
        metric: The place, as `ModelTest.metric` has it.
        output: The output.

    Raises:
        MetricError: It isn't there, or isn't a finite number.
    """
    if metric.startswith(_JSON):
        value = _json_value(metric.removeprefix(_JSON), output)
    else:
        value = _matched(metric.removeprefix(_REGEX), output)
    if not math.isfinite(value):
        raise MetricError(f"the metric is {value}")
    return value


def _json_value(key: str, output: str) -> float:
    found_json = False
    for document in _documents(output):
        found_json = True
        for value in _values(document, key):
            return _number(key, value)
    if not found_json:
        raise MetricError(f"the command printed no JSON: {_shown(output)}")
    raise MetricError(f"the JSON that the command printed has no {key!r}")


def _documents(output: str) -> Iterator[Any]:
    """JSON values in an output: the whole, else its lines from the last one."""
    try:
        yield json.loads(output)
    except (ValueError, RecursionError):
        for line in reversed(output.splitlines()):
            if line.lstrip().startswith("{"):
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    continue


def _values(document: Any, key: str) -> Iterator[Any]:
    """The values at a key, whose dots lead inwards unless a key has them itself."""
    if isinstance(document, dict) and key in document:
        yield document[key]
        return
    head, dot, rest = key.partition(".")
    while dot:
        if isinstance(document, dict) and head in document:
            yield from _values(document[head], rest)
        elif isinstance(document, list) and head.isdecimal() and int(head[:9]) < len(document):
            yield from _values(document[int(head[:9])], rest)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    if isinstance(document, list) and key.isdecimal() and int(key[:9]) < len(document):
        yield document[int(key[:9])]


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MetricError(f"{key} is {_shown(json.dumps(value))}, and not a number")
    try:
        return float(value)
    except OverflowError as error:
        raise MetricError(f"{key} is too large for a number") from error


def _matched(pattern: str, output: str) -> float:
    try:
        match = last_match(pattern, output)
    except SearchError as error:
        raise MetricError(f"{pattern!r} can't be searched for: {error}") from error
    if match is None:
        raise MetricError(f"nothing that the command printed matches {pattern!r}: {_shown(output)}")
    text = match[0]
    try:
        return float(text or "")
    except ValueError as error:
        raise MetricError(f"{pattern!r} matches {_shown(str(text))}, which isn't a number") from error


def _shown(text: str) -> str:
    """The end of an output, in one line."""
    line = " ".join(text[-10 * _SHOWN :].split())
    if not line:
        return "nothing"
    return repr(line if len(line) <= _SHOWN else f"…{line[-_SHOWN:]}")
