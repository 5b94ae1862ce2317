"""Model cards, read by the Hub's own library and by ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from git_theta.errors import UsageError
from git_theta.lineage.exports.lineage_document import ExportedModel, ExportedParent
from git_theta.lineage.exports.model_card import model_card_bytes
from git_theta.lineage.graph import ModelNode
from git_theta.lineage.sources.model_card import card_parents
from git_theta.lineage.sources.stated import StatedParent
from git_theta.runtime.output import visible
from tests.helpers.exported_lineage import BASE, HOSTILE, HUB, TUNED, digest_of, edge, sample

pytest.importorskip("yaml")


def read(card: bytes) -> tuple[dict[str, Any], str]:
    """The YAML and the text of a card, as the Hub's library reads them."""
    hub: Any = pytest.importorskip("huggingface_hub")
    found = hub.ModelCard(card.decode())
    return found.data.to_dict(), found.text


def test_the_hub_reads_it() -> None:
    head, text = read(model_card_bytes(sample(TUNED, url="https://example.com/m.git")))
    assert (head["base_model"], head["base_model_relation"]) == ("org/name", "finetune")
    own = head["git-theta"]
    assert (own["path"], own["commit"], own["model"]) == (TUNED, "c" * 40, digest_of(2))
    assert own["repository"] == "https://example.com/m.git"
    assert own["files"] == [{"path": TUNED, "size": 100, "sha256": f"{9:064x}"}]
    (parent,) = own["parents"]
    assert (parent["name"], parent["model"], parent["relation"]) == (BASE, digest_of(1), "finetune")
    assert (parent["verified"], parent["stated"]) == (["parent-digest", "relation-plausible"], ["relation"])
    assert f"`{9:064x}`" in text
    assert "Stated, not verified" in text


def test_our_own_reader_finds_the_base() -> None:
    assert card_parents(model_card_bytes(sample(TUNED))) == [StatedParent("org/name", "finetune")]


def test_hostile_names_stay_text() -> None:
    card = model_card_bytes(sample(HOSTILE))
    head, text = read(card)
    assert head["git-theta"]["path"] == visible(HOSTILE)
    assert head["git-theta"]["parents"][0]["why"] == visible(HOSTILE)
    assert head["base_model"] == "org/name"
    assert "base_model_relation" not in head
    assert "<b>" not in text
    assert "a\\`\\|\\<b\\>\\]\\]\\>\\&" in text
    assert all(line.isprintable() for line in card.decode().split("\n"))


def test_derivations_of_different_kinds_have_no_relation() -> None:
    document = sample(TUNED)
    adapter = ExportedModel(ModelNode("a"), parents=(ExportedParent(edge("a", TUNED, "adapter")),))
    document = replace(document, models=(*document.models, adapter), chosen=frozenset(["a"]))
    head, _ = read(model_card_bytes(document))
    assert head["base_model"] == "org/name"
    assert "base_model_relation" not in head


def test_a_merge_of_two_models_of_the_hub() -> None:
    names = ("hf:org/one", "hf:org/two@v1")
    parents = tuple(ExportedParent(edge("m", name, "merge"), (), ("elsewhere",)) for name in names)
    hub = tuple(ExportedModel(ModelNode(name, is_external=True)) for name in names)
    merged = ExportedModel(ModelNode("m"), parents=parents)
    document = replace(sample(), models=(*hub, merged), chosen=frozenset(["m"]))
    card = model_card_bytes(document)
    assert card_parents(card) == [StatedParent("org/one", "merge"), StatedParent("org/two", "merge")]


def test_a_card_is_of_one_model() -> None:
    with pytest.raises(UsageError, match="a model card is of one model, not of 3"):
        model_card_bytes(sample())
    assert HUB not in model_card_bytes(sample(BASE)).decode().partition("git-theta:")[0]
