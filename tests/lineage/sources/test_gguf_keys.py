"""Base models in the metadata of GGUF."""

from __future__ import annotations

from git_theta.lineage.sources.gguf_keys import gguf_parents
from git_theta.lineage.sources.stated import StatedParent

BASE = {
    "general.base_model.count": "2",
    "general.base_model.0.name": "'Llama 3'",
    "general.base_model.0.organization": "'Meta'",
    "general.base_model.0.repo_url": "'https://huggingface.co/meta-llama/Llama-3'",
    "general.base_model.1.name": "'Other Model'",
    "general.base_model.1.organization": "'Org'",
}


def test_base_models() -> None:
    assert gguf_parents(BASE, ["F16", "F32"]) == [
        StatedParent("meta-llama/Llama-3", "derived"),
        StatedParent("Org/Other-Model", "derived"),
    ]


def test_a_quantised_file() -> None:
    assert {parent.relation for parent in gguf_parents(BASE, ["F32", "Q4_K"])} == {"quantized"}
    assert {
        parent.relation for parent in gguf_parents({**BASE, "general.quantized_by": "'me'"}, ["F16"])
    } == {"quantized"}


def test_odd_values() -> None:
    assert gguf_parents({}, []) == []
    assert gguf_parents({"general.base_model.count": "99999999999"}, []) == []
    assert gguf_parents({**BASE, "general.base_model.count": "__import__('os')"}, []) == []
    assert gguf_parents({**BASE, "general.base_model.count": "-1"}, []) == []
