"""CycloneDX, validated against the schema of version 1.7."""

from __future__ import annotations

import json
from typing import Any

import pytest

from git_theta.lineage.exports.cyclonedx_bom import cyclonedx_bytes
from git_theta.lineage.exports.lineage_document import LineageDocument
from git_theta.runtime.output import visible
from tests.helpers.exported_lineage import BASE, HOSTILE, HUB, TUNED, digest_of, sample

pytest.importorskip("cyclonedx")


def validated(document: LineageDocument) -> Any:
    """The bill of materials, which the strict schema allows."""
    validation: Any = pytest.importorskip("cyclonedx.validation.json")
    schema: Any = pytest.importorskip("cyclonedx.schema")
    text = cyclonedx_bytes(document).decode()
    problem = validation.JsonStrictValidator(schema.SchemaVersion.V1_7).validate_str(text)
    assert problem is None, problem
    return json.loads(text)


def properties(component: Any) -> dict[str, str]:
    found = {each["name"]: each["value"] for each in component.get("properties", [])}
    assert all(name.startswith("git-theta:") for name in found)
    return {name.removeprefix("git-theta:"): value for name, value in found.items()}


def test_one_model_is_the_subject() -> None:
    bom = validated(sample(TUNED, url="https://example.com/m.git"))
    root = bom["metadata"]["component"]
    assert (root["type"], root["name"]) == ("machine-learning-model", TUNED)
    assert root["version"] == digest_of(2)
    assert {each["alg"]: each["content"] for each in root["hashes"]} == {
        "SHA-256": f"{9:064x}",
        "BLAKE3": f"{10:064x}",
    }
    (ancestor,) = root["pedigree"]["ancestors"]
    assert (ancestor["name"], ancestor["version"]) == (BASE, digest_of(1))
    assert properties(ancestor) == {
        "relation": "finetune",
        "source": "recorded",
        "verified": "parent-digest, relation-plausible",
        "stated": "relation",
    }
    assert properties(root)["stated"] == "command"
    assert bom["metadata"]["timestamp"] == "2026-01-02T03:04:05+00:00"
    assert properties(bom["metadata"]) == {"commit": "c" * 40, "repository": "https://example.com/m.git"}


def test_all_models() -> None:
    bom = validated(sample())
    models = {each["name"]: each for each in bom["components"]}
    assert set(models) == {HUB, BASE, TUNED, visible(HOSTILE)}
    assert models[HUB]["purl"] == "pkg:huggingface/org/name@main"
    assert models[BASE]["externalReferences"][0]["type"] == "model-card"
    (unknown,) = models[BASE]["pedigree"]["ancestors"]
    assert "verified" not in properties(unknown)
    assert properties(unknown)["remarks"] == f"{HUB} isn't in this repository"
    parts = models[visible(HOSTILE)]["components"]
    assert [each["type"] for each in parts] == ["file", "file"]
    assert "hashes" not in models[visible(HOSTILE)]
    depends = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    assert depends[f"model:{TUNED}"] == [f"model:{BASE}"]


def test_the_same_document_gives_the_same_bytes() -> None:
    assert cyclonedx_bytes(sample()) == cyclonedx_bytes(sample())
    assert validated(sample())["serialNumber"] != validated(sample(TUNED))["serialNumber"]
