"""Facts about models."""

from __future__ import annotations

from git_theta.lineage.facts import model_facts
from git_theta.lineage.model_digest import model_digest
from tests.helpers.manifests import B, entry, manifest


def test_shards_add_up() -> None:
    one, other = manifest(entry("a"), entry(".bytes/0")), manifest(entry("b", B))
    facts = model_facts([one, other])
    assert (facts.parameters, facts.size, facts.format) == (2, 2000, "safetensors")
    assert facts.model == model_digest([entry("a"), entry("b", B)])
