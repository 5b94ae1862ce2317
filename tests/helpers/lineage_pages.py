"""Pages of lineage graphs for tests."""

from __future__ import annotations

from git_theta.lineage.graph import Derivation, Graph, ModelNode, VersionNode
from git_theta.lineage.record import LineageRecord, RecordedRun
from git_theta.report.html.lineage.content import Structures, model_content
from git_theta.report.html.lineage.page import lineage_page
from tests.helpers.changes import HOSTILE
from tests.helpers.lineage_graphs import many_models
from tests.helpers.manifests import entry, manifest


def hostile_page() -> str:
    """A page in which every text that somebody may have written would run a script, if it weren't escaped."""
    other = HOSTILE + "2"
    node = ModelNode(HOSTILE, HOSTILE, HOSTILE, 1, 5, (HOSTILE, "x"), problems=(HOSTILE,))
    graph = Graph(
        {HOSTILE: node, other: ModelNode(other, is_external=True)},
        (Derivation(HOSTILE, other, HOSTILE, "recorded", HOSTILE, frozen=(HOSTILE,)),),
    )
    run = RecordedRun((HOSTILE,), {HOSTILE: HOSTILE}, (HOSTILE,), {HOSTILE: HOSTILE}, None, HOSTILE)
    return lineage_page(
        graph,
        title=HOSTILE,
        versions={HOSTILE: (VersionNode("c" * 40, "", HOSTILE, HOSTILE, HOSTILE),) * 2},
        records={HOSTILE: LineageRecord(run=run)},
        contents={HOSTILE: model_content([manifest(entry(HOSTILE))], [], Structures(), lambda _oid: 1)},
        metrics={HOSTILE: {HOSTILE: [(HOSTILE, 0.5)]}},
    )


def full_page(count: int) -> str:
    """A page of some models, each with three versions, parameters and a metric."""
    graph = many_models(count)
    content = model_content([manifest(entry("a"))], [], Structures(), lambda _oid: 1)
    return lineage_page(
        graph,
        shares={(edge.child, edge.parent): 0.5 for edge in graph.derivations},
        versions={
            name: tuple(VersionNode(f"{number:040x}", "", name, f"step {number}") for number in range(3))
            for name in graph.models
        },
        contents=dict.fromkeys(graph.models, content),
        metrics={name: {"loss": [("c" * 40, 0.5), ("d" * 40, 0.25)]} for name in graph.models},
    )
