"""The change of a file as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given

from git_theta.model.manifest import Manifest
from git_theta.report.as_json import change_json
from git_theta.report.distance import Distance
from git_theta.report.scalars import ScalarChange
from tests.helpers.changes import compared
from tests.helpers.generators import manifests
from tests.helpers.manifests import A, B, entry, manifest

CHANGED = compared(manifest(entry("a"), entry("same")), manifest(entry("a", B), entry("same")))


def test_a_modified_parameter() -> None:
    found = change_json(CHANGED)
    assert (found["path"], found["unchanged"], found["stored"], found["values"]) == ("m.pt", 1, 10, None)
    assert found["old"] == {
        "path": "m.pt",
        "mode": "100644",
        "format": "safetensors",
        "size": 1000,
        "problem": None,
    }
    (parameter,) = found["parameters"]
    assert (parameter["name"], parameter["change"], parameter["update"]) == ("a", "modified", "dense")
    assert parameter["old"] == {"name": "a", "dtype": "F32", "shape": [2, 3], "size": 24, "digest": A}
    assert "statistics" not in parameter


def test_a_file_that_is_new_has_no_old_side() -> None:
    found = change_json(compared(None, manifest(entry("a"))))
    assert found["old"] is None
    assert found["parameters"][0]["old"] is None


def test_statistics_or_the_reason_why_there_are_none() -> None:
    measured = change_json(replace(CHANGED, measured={"a": Distance(6, 3, 4.0, 16.0, 9.0, 1.0, 2.0, 1)}))
    statistics = measured["parameters"][0]["statistics"]
    assert statistics == {
        "norm": 2.0,
        "relative": 0.5,
        "largest": 2.0,
        "cosine": 1 / 12,
        "changed": 3,
        "count": 6,
        "broken": 1,
    }
    missing = change_json(replace(CHANGED, measured={"a": "object is missing"}))
    assert missing["parameters"][0]["statistics"] == {"problem": "object is missing"}


def test_scalars_are_values() -> None:
    found = change_json(replace(CHANGED, scalars=(ScalarChange("epoch", "1", None),)))
    assert found["values"] == [{"name": "epoch", "old": "1", "new": None}]


@given(manifests(), manifests())
def test_any_change_is_json(old: Manifest, new: Manifest) -> None:
    found = compared(old, new)
    assert len(json.loads(json.dumps(change_json(found)))["parameters"]) == len(found.rows)
