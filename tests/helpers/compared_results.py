"""Results of tests for the tests of their views."""

from __future__ import annotations

from dataclasses import replace

from git_theta.evaluation.comparison import ComparedResult
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult

TEST = ModelTest("acc", ("c", "{model}"), ("*",), "json:acc", max_drop=0.1)
GOOD = TestResult("acc", "a.pt", "", "blake3:0", 0.9, True, False, 1.5)
BASE = replace(GOOD, model="base.pt", value=0.5)
WORSE = replace(GOOD, value=0.7, is_cached=True)
HOSTILE = "x|<script>alert(1)</script>`@all`\x1b[31m\0&amp;]]>\n# title"
FAILED = replace(GOOD, model=HOSTILE, value=None, ok=False, problem=HOSTILE, output=HOSTILE)
SKIPPED = replace(GOOD, value=None, ok=False, problem="exit code 125", is_skipped=True)

#: One result of each state; the names and messages of the failed one are a stranger's.
RESULTS = [
    ComparedResult(TEST, GOOD, "", None, (BASE,)),
    ComparedResult(TEST, replace(WORSE, rev="main"), "c0ffee", GOOD, (BASE,)),
    ComparedResult(TEST, FAILED),
    ComparedResult(TEST, SKIPPED),
]
