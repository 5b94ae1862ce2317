"""Graphs as JSON."""

from __future__ import annotations

import json

from git_theta.lineage.graph import Derivation, Graph, ModelNode, VersionNode
from git_theta.lineage.views.as_json import graph_json

GRAPH = Graph(
    {"a": ModelNode("a", "blake3:1", "safetensors", 2, 90, ("a",)), "b": ModelNode("b", problems=("odd",))},
    (Derivation("b", "a", "merge", "recorded", "why", "blake3:1", True, ("x*",)),),
)


def test_all_keys() -> None:
    version = VersionNode("c" * 40, "blake3:1", "a", "first", "2026-01-01T00:00:00Z")
    found = json.loads(json.dumps(graph_json(GRAPH, {("b", "a"): 0.5}, {"a": (version,)}, {"a": 40})))
    assert found["models"][0] == {
        "path": "a",
        "model": "blake3:1",
        "format": "safetensors",
        "parameters": 2,
        "size": 90,
        "files": ["a"],
        "external": False,
        "problems": [],
        "stored": 40,
        "versions": [
            {
                "commit": "c" * 40,
                "model": "blake3:1",
                "path": "a",
                "subject": "first",
                "date": "2026-01-01T00:00:00Z",
            }
        ],
    }
    assert (found["models"][1]["model"], found["models"][1]["problems"]) == (None, ["odd"])
    assert found["models"][1]["stored"] is None
    assert found["edges"] == [
        {
            "child": "b",
            "parent": "a",
            "relation": "merge",
            "source": "recorded",
            "why": "why",
            "parent_model": "blake3:1",
            "current": True,
            "frozen": ["x*"],
            "shared": 0.5,
        }
    ]
