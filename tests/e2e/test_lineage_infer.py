"""`git theta lineage infer` with real Git."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.helpers import families
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo


@pytest.fixture
def family(repo: Repo) -> Repo:
    """A base, a fine-tune, a quantised copy of that, a merge, and a stranger."""
    random = np.random.default_rng(1)
    base = families.base(random)
    one, other = families.tuned(random, base), families.tuned(random, base)
    commits = (
        {"base": base, "stranger": families.base(random)},
        {"one": one, "other": other},
        {"int8": families.quantised(random, one), "soup": families.mixed(one, other, 0.5)},
    )
    for models in commits:
        for name, arrays in models.items():
            repo.write(f"{name}/model.safetensors", safetensors_bytes(arrays))
        repo.commit("models")
    return repo


def found(repo: Repo, *words: str) -> Any:
    return json.loads(repo.run_theta("lineage", "infer", "--json", *words).stdout)


def edges(repo: Repo, *words: str) -> set[tuple[str, str, str, bool]]:
    return {
        (
            edge["child"].partition("/")[0],
            edge["parent"].partition("/")[0],
            edge["relation"],
            edge["directed"],
        )
        for edge in found(repo, *words)["edges"]
    }


ALL = {
    ("one", "base", "finetune", True),
    ("other", "base", "finetune", True),
    ("int8", "one", "quantized", True),
    ("soup", "one", "merge", True),
    ("soup", "other", "merge", True),
}


def test_the_whole_family(family: Repo) -> None:
    assert edges(family) == ALL
    assert [each["child"] for each in found(family)["unknown"]] == ["stranger/model.safetensors"]
    assert edges(family, "int8") == {("int8", "one", "quantized", True)}
    assert edges(family, "--rev", "HEAD~1") == {edge for edge in ALL if edge[0] in ("one", "other")}
    told = family.theta("lineage", "infer")
    assert "int8/model.safetensors from one/model.safetensors  quantized, confidence" in told
    assert "stranger/model.safetensors: unknown, no other model here is like it" in told


def test_records_of_what_was_inferred(family: Repo) -> None:
    family.theta("lineage", "add", "other", "--from", "hf:org/x")
    assert "3 records written" in family.theta("lineage", "infer", "--write")
    shown = json.loads(family.run_theta("lineage", "show", "--json").stdout)
    sources = {edge["child"].partition("/")[0]: edge["source"] for edge in shown["edges"]}
    assert sources == {"one": "inferred", "int8": "inferred", "soup": "inferred", "other": "recorded"}
    assert "finetune (inferred)" in family.theta("lineage")
    family.theta("lineage", "add", "soup", "--from", "one", "--relation", "finetune")
    shown = json.loads(family.run_theta("lineage", "show", "--json").stdout)
    soup = [(e["parent"], e["source"]) for e in shown["edges"] if e["child"].startswith("soup")]
    assert soup == [("one/model.safetensors", "recorded")]


def test_a_later_inference_takes_the_place_of_an_earlier_one(family: Repo) -> None:
    family.theta("lineage", "infer", "--write")
    family.write("soup/model.safetensors", family.read("one/model.safetensors")[:-4] + b"\0\0\0\1")
    family.git("add", "-A")
    family.theta("lineage", "infer", "--write")
    shown = json.loads(family.run_theta("lineage", "show", "--json").stdout)
    soup = [(e["parent"], e["relation"]) for e in shown["edges"] if e["child"].startswith("soup")]
    assert soup == [("one/model.safetensors", "finetune")]


def test_aliases_and_prefixes(family: Repo) -> None:
    family.git("mv", "stranger", "elsewhere")
    family.write("copy.safetensors", family.read("base/model.safetensors"))
    family.git("add", "-A")
    assert found(family)["aliases"] == [["base/model.safetensors", "copy.safetensors"]]
    assert edges(family) == ALL


def test_nothing_to_say(repo: Repo) -> None:
    assert found(repo) == {"edges": [], "aliases": [], "unknown": []}
    assert "isn't a model" in repo.theta("lineage", "infer", "nothing", ok=False)
    assert repo.run_theta("lineage", "infer", "--write", "--rev", "HEAD", ok=False).returncode != 0
