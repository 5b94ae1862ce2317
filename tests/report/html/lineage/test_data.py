"""Facts for the page's script."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from git_theta.lineage.graph import Derivation, Graph, ModelNode, VersionNode
from git_theta.lineage.record import LineageRecord, RecordedRun
from git_theta.report.html.lineage.content import LikeParameters, ModelContent, StoredAs
from git_theta.report.html.lineage.data import Metrics, lineage_data
from tests.helpers.lineage_graphs import lineage

CONTENT = ModelContent(
    (LikeParameters("w.{0-1}", 2, "F32", "4x4", 128),),
    3,
    (1,),
    (("F32", 128),),
    (StoredAs("delta", 2, 128),),
    90,
    40,
)


def data(
    graph: Graph,
    shares: dict[tuple[str, str], float] | None = None,
    versions: dict[str, tuple[VersionNode, ...]] | None = None,
    records: dict[str, LineageRecord] | None = None,
    contents: dict[str, ModelContent] | None = None,
    metrics: dict[str, Metrics] | None = None,
) -> dict[str, Any]:
    found = lineage_data(
        graph,
        shares=shares or {},
        versions=versions or {},
        records=records or {},
        contents=contents or {},
        metrics=metrics or {},
    )
    result: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    return result


def test_equal_structures_and_commits_are_there_once() -> None:
    history = (VersionNode("c" * 40, "", "a", "first", "2026-01-02T03:04:05Z"),)
    names = ("a", "b")
    found = data(
        lineage(("a", "b")),
        versions=dict.fromkeys(names, history),
        contents={"a": CONTENT, "b": replace(CONTENT, left_out=0)},
    )
    assert found["structures"] == [[["w.{0-1}", 2, "F32", "4x4", "128 B"]]]
    assert found["commits"] == [["c" * 10, "2026-01-02", "first"]]
    first, second = found["models"]
    assert (first["structure"], first["left_out"], first["new"]) == (0, 3, [1])
    assert (second["structure"], second["versions"]) == (0, [0])
    assert "left_out" not in second
    assert ["stored as", "90 B"] in first["facts"]
    assert first["storage"] == [["delta", 2, "128 B"]]


def test_edges() -> None:
    edge = Derivation("b", "a", "merge", "card", "for a reason", "", False, ("x*",))
    graph = Graph({name: ModelNode(name, files=(name,)) for name in "ab"}, (edge,))
    found = data(graph, shares={("b", "a"): 0.999})
    assert (found["models"][1]["reasons"], found["models"][1]["frozen"]) == (["for a reason"], ["x*"])
    assert found["edges"] == [
        {
            "child": 1,
            "parent": 0,
            "relation": "merge",
            "facts": [
                ">99% of the bytes are equal",
                "from card",
                "from an earlier version of it",
            ],
        }
    ]


def test_commands() -> None:
    run = RecordedRun(
        ("python", "t.py", "{out}"), {"t.py": "git:" + "a" * 40}, (), {"torch": "2.13"}, 7, "sub"
    )
    found = data(lineage(("a", "b")), records={"b": LineageRecord(run=run)})
    assert found["models"][1]["run"]["command"] == ["python", "t.py", "{out}"]
    assert dict(found["models"][1]["run"]["facts"]) == {
        "folder": "sub",
        "seed": "7",
        "inputs": "t.py (git:aaaaaaaaaaaa)",
        "outputs": "b",
        "environment": "torch 2.13",
    }


def test_metrics_through_history() -> None:
    found = data(lineage(("a", "b")), metrics={"b": {"loss": [("c" * 40, 0.5), ("d" * 40, math.nan)]}})
    assert found["models"][1]["metrics"] == {"loss": [["c" * 10, 0.5], ["d" * 10, None]]}
    assert "metrics" not in found["models"][0]


def test_long_lists_are_cut_and_counted() -> None:
    node = ModelNode("a", files=tuple(f"a/{number}" for number in range(30)))
    history = tuple(VersionNode(f"{number:040x}", "", "a") for number in range(150))
    (found,) = data(Graph({"a": node}, ()), versions={"a": history})["models"]
    assert found["files"][-1] == "10 more files"
    assert (len(found["versions"]), found["more_versions"]) == (100, 50)
