"""Results as JSON, whose keys are the same in every version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from git_theta.evaluation.comparison import PASSED, SKIPPED, WORSE, ComparedResult
from git_theta.evaluation.model_test import ModelTest


def results_json(results: Iterable[ComparedResult]) -> dict[str, Any]:
    """Results as values of JSON."""
    return {"results": [_result(each) for each in results]}


def _result(each: ComparedResult) -> dict[str, Any]:
    found = each.result
    parents = {parent.model: parent.value for parent in each.parents}
    return {
        "test": found.test,
        "model": found.model,
        "rev": found.rev or None,
        "value": found.value,
        "ok": each.state == PASSED,
        "cached": found.is_cached,
        "parent": next((value for value in parents.values() if value is not None), None),
        "previous": each.previous.value if each.previous else None,
        "state": each.state,
        "regression": each.state == WORSE,
        "skipped": each.state == SKIPPED,
        "reason": each.reason,
        "remark": found.remark,
        "commit": each.commit or None,
        "digest": found.digest or None,
        "seconds": round(found.seconds, 3),
        "parents": parents,
        "worse_than": [other.title for other in each.worse_than],
    }


def test_json(test: ModelTest) -> dict[str, Any]:
    """A test as values of JSON."""
    return {
        "name": test.name,
        "command": list(test.command),
        "on": list(test.on),
        "metric": test.metric or None,
        "better": "higher" if test.higher_is_better else "lower",
        "max_drop": test.max_drop,
        "max_drop_is_share": test.is_share,
        "against": list(test.against),
        "guard": test.is_guard,
        "inputs": list(test.inputs),
        "timeout": test.timeout,
    }
