"""Results as JSON."""

from __future__ import annotations

import json

from git_theta.evaluation.views.as_json import results_json
from tests.helpers.compared_results import RESULTS


def test_keys_and_values() -> None:
    found = json.loads(json.dumps(results_json(RESULTS), allow_nan=False))["results"]
    short = ("test", "model", "rev", "value", "ok", "cached", "parent", "previous")
    assert [found[0][key] for key in short] == ["acc", "a.pt", None, 0.9, True, False, 0.5, None]
    assert [found[1][key] for key in short] == ["acc", "a.pt", "main", 0.7, False, True, 0.5, 0.9]
    assert [each["state"] for each in found] == ["passed", "worse", "failed", "skipped"]
    assert [each["regression"] for each in found] == [False, True, False, False]
    assert found[1]["parents"] == {"base.pt": 0.5}
    assert found[1]["commit"] == "c0ffee"
