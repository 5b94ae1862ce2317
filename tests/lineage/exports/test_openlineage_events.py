"""OpenLineage events, validated against the schemas of its specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from git_theta.lineage.exports.lineage_document import LineageDocument
from git_theta.lineage.exports.openlineage_events import openlineage_bytes
from git_theta.runtime.output import visible
from tests.helpers.exported_lineage import BASE, HOSTILE, TUNED, digest_of, sample

pytest.importorskip("openlineage.client")

SCHEMAS = Path(__file__).parents[2] / "fixtures/openlineage"


def validated(document: LineageDocument) -> list[Any]:
    """The events, which the schemas allow, with all their facets."""
    jsonschema: Any = pytest.importorskip("jsonschema")
    referencing: Any = pytest.importorskip("referencing")
    schemas = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    resources = [(each["$id"], referencing.Resource.from_contents(each)) for each in schemas]
    registry = referencing.Registry().with_resources(resources)

    def check(value: Any, uri: str) -> None:
        jsonschema.Draft202012Validator({"$ref": uri}, registry=registry).validate(value)

    found = [json.loads(line) for line in openlineage_bytes(document).decode().splitlines()]
    for event in found:
        check(event, "https://openlineage.io/spec/2-0-2/OpenLineage.json")
        check(event, event["schemaURL"])
        for facet in facets_in(event):
            check(facet, facet["_schemaURL"])
    return found


def facets_in(value: Any) -> list[Any]:
    """Every facet of an event."""
    if isinstance(value, list):
        return [facet for each in value for facet in facets_in(each)]
    if not isinstance(value, dict):
        return []
    inner = [facet for each in value.values() for facet in facets_in(each)]
    return [value, *inner] if "_schemaURL" in value else inner


def tags(dataset: Any) -> dict[str, str]:
    return {tag["key"].removeprefix("git-theta:"): tag["value"] for tag in dataset["facets"]["tags"]["tags"]}


def test_a_run() -> None:
    (event,) = validated(sample(TUNED, url="https://example.com/m.git"))
    assert (event["eventType"], event["eventTime"]) == ("COMPLETE", "2026-01-02T03:04:05Z")
    assert (event["job"]["namespace"], event["job"]["name"]) == ("https://example.com/m.git", TUNED)
    assert event["job"]["facets"]["sourceCode"]["sourceCode"].startswith("python train.py --out '{out}' ")
    parent, script, data = event["inputs"]
    assert parent["name"] == BASE
    assert parent["facets"]["version"]["datasetVersion"] == digest_of(1)
    assert tags(parent)["verified"] == "parent-digest, relation-plausible"
    assert tags(parent)["stated"] == "relation"
    assert tags(script) == {"sha256": f"{5:064x}", "verified": "digest"}
    assert tags(data) == {"stated": "digest"}
    (output,) = event["outputs"]
    assert output["facets"]["datasetType"]["datasetType"] == "MODEL"
    assert tags(output)["sha256"] == f"{9:064x}  {TUNED}"


def test_a_derivation_without_a_command_is_a_job() -> None:
    (event,) = validated(sample(HOSTILE))
    assert "run" not in event
    assert event["job"]["name"] == visible(HOSTILE)
    assert event["job"]["facets"]["jobType"]["jobType"] == "DISTILLED"
    (base,) = validated(sample(BASE))
    assert base["inputs"][0]["namespace"] == "https://huggingface.co"
    assert base["inputs"][0]["name"] == "org/name@main"


def test_the_same_document_gives_the_same_events() -> None:
    assert openlineage_bytes(sample()) == openlineage_bytes(sample())
    assert len(validated(sample())) == 3
