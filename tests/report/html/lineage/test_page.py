"""The page of a lineage graph."""

from __future__ import annotations

import json
import re

from git_theta.lineage.graph import Graph
from git_theta.report.html.lineage.content import Structures, model_content
from git_theta.report.html.lineage.page import lineage_page
from tests.helpers.lineage_graphs import lineage, many_models
from tests.helpers.lineage_pages import hostile_page
from tests.helpers.manifests import entry, manifest


def facts(page: str) -> object:
    found = re.search(r'<script type="application/json" id="lineage">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_hostile_texts_are_texts() -> None:
    page = hostile_page()
    assert page.count("<script") == page.count("</script>") == 2
    assert "<img" not in page
    assert "{{ 7" in page
    assert "\u202e" not in page
    assert "\x00" not in page
    assert facts(page)
    page.encode()


def test_without_scripts_there_is_a_picture_and_a_list() -> None:
    page = lineage_page(lineage(("a", "b"), ("a", "c")), shares={("b", "a"): 0.5})
    body = page.split("<body>")[1].split("<script")[0]
    assert body.count('class="model ') == 3
    assert body.count('class="edge ') == 2
    assert '<td class=name>finetune of <a href="#m0">a</a>' in body
    assert '<td class=num data-v="0.5">50%</td>' in body


def test_the_same_graph_gives_the_same_page() -> None:
    assert lineage_page(many_models(40)) == lineage_page(many_models(40))


def test_a_page_of_many_models_is_small() -> None:
    entries = [entry(f"layer.{number}.{part}") for number in range(12) for part in ("key", "value", "query")]
    structures = Structures()
    content = model_content([manifest(*entries)], [], structures, lambda _oid: 1)
    graph = many_models(1000)
    page = lineage_page(graph, contents=dict.fromkeys(graph.models, content))
    assert len(page) < 2_500_000
    assert page.count("layer.{0-11}.query") == 1


def test_an_empty_graph() -> None:
    page = lineage_page(Graph({}, ()))
    assert "There are no models." in page
    assert "<svg" not in page
