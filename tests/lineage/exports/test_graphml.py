"""GraphML, read by networkx and by a parser of XML."""

from __future__ import annotations

import io
from typing import Any
from xml.etree import ElementTree

import pytest

from git_theta.lineage.exports.graphml import graphml_bytes
from git_theta.runtime.output import visible
from tests.helpers.exported_lineage import BASE, HOSTILE, HUB, TUNED, digest_of, sample

networkx: Any = pytest.importorskip("networkx")


def test_networkx_reads_it() -> None:
    graph = networkx.read_graphml(io.BytesIO(graphml_bytes(sample())))
    assert set(graph) == {HUB, BASE, TUNED, visible(HOSTILE)}
    assert set(graph.edges) == {(HUB, BASE), (BASE, TUNED), (BASE, visible(HOSTILE))}
    assert graph.nodes[BASE]["verified"] == "model-digest, file-digests"
    assert graph.nodes[BASE]["model"] == digest_of(1)
    assert graph.nodes[HUB] == {"external": "true"}
    edge = graph.edges[BASE, TUNED]
    assert (edge["relation"], edge["parent_model"]) == ("finetune", digest_of(1))
    assert (edge["verified"], edge["stated"]) == ("parent-digest, relation-plausible", "relation")
    assert graph.edges[BASE, visible(HOSTILE)]["why"] == visible(HOSTILE)


def test_the_same_document_gives_the_same_xml() -> None:
    data = graphml_bytes(sample())
    assert data == graphml_bytes(sample())
    assert ElementTree.fromstring(data).tag == "{http://graphml.graphdrawing.org/xmlns}graphml"
