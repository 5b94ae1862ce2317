"""Pictures as the template writes them."""

from __future__ import annotations

from dataclasses import replace

from git_theta.lineage.graph import Graph, ModelNode
from git_theta.report.html.lineage.labels import relation_text
from git_theta.report.html.lineage.picture import PictureModel, path_data, picture
from tests.helpers.lineage_graphs import lineage


def models(graph: Graph, shares: dict[tuple[str, str], float] | None = None) -> dict[str, PictureModel]:
    found = picture(graph, shares or {}, {"a": 3}, {"finetune": 3, relation_text("x" * 90): 9})
    return {model.label: model for family in found.families for model in family.models}


def test_facts_below_labels() -> None:
    found = models(lineage(("a", "b")), {("b", "a"): 0.75})
    assert found["b"].info == "finetune · 75% equal · 2 KB"
    assert found["b"].description == "b, from a, finetune, 75% equal, 2 KB"
    assert (found["a"].info, found["a"].versions) == ("2 KB", 3)
    assert set(found["b"].style.split()) >= {"r3", "d2"}
    assert "root" in found["a"].style.split()


def test_long_relations_are_cut() -> None:
    found = models(lineage(("a", "b"), relation="x" * 90), {("b", "a"): 0.75})
    assert found["b"].info.endswith(" · 75% equal")
    assert len(found["b"].info) < 40


def test_models_elsewhere() -> None:
    graph = lineage(("hf:a", "b"))
    external = replace(ModelNode("hf:a"), is_external=True)
    found = models(Graph({**graph.models, "hf:a": external}, graph.derivations))
    assert found["hf:a"].info == "elsewhere"
    assert "external" in found["hf:a"].style.split()


def test_titles_of_families() -> None:
    found = picture(lineage(("a", "b"), alone=("x", "y", "z")), {}, {}, {"finetune": 3})
    assert [(family.title, family.count) for family in found.families] == [
        ("Of unknown origin", "3 models"),
        ("a", "2 models"),
    ]


def test_paths() -> None:
    assert path_data((0, 5), (), (100, 25)) == "M0 5C50 5 50 25 100 25"
    assert path_data((0, 5), ((100, 300, 9),), (400, 5)) == "M0 5C50 5 50 9 100 9H300C350 9 350 5 400 5"
    # Back to the left and round again.
    assert path_data((100, 0), ((100, 0, 20),), (0, 40)) == "M100 0C144 0 144 20 100 20H0C-44 20 -44 40 0 40"
