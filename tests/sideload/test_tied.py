"""Tied output layers, by settings and names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from git_theta.model.digest import digest
from git_theta.model.tensor import TensorSpec
from git_theta.sideload.given_update import GivenUpdate
from git_theta.sideload.tied import has_tied_output, replaced_embeddings
from git_theta.updates.array import Array
from git_theta.updates.dense import Dense
from tests.helpers.manifests import entry

EMBEDDING = "model.embed_tokens.weight"


@pytest.mark.parametrize(
    ("config", "names", "tied"),
    [
        ({"model_type": "llama", "tie_word_embeddings": True}, [EMBEDDING], True),
        ({"model_type": "llama", "tie_word_embeddings": False}, [EMBEDDING], False),
        ({"model_type": "llava", "text_config": {"tie_word_embeddings": True}}, [EMBEDDING], True),
        ({"model_type": "gpt2"}, ["wte.weight"], True),
        ({"model_type": "gpt2"}, ["wte.weight", "lm_head.weight"], False),
        ({"tie_word_embeddings": "yes"}, [EMBEDDING], False),
        ({}, [EMBEDDING], False),
    ],
)
def test_the_settings_of_a_model(config: dict[str, Any], names: list[str], tied: bool) -> None:
    assert has_tied_output(config, names) == tied


def test_embeddings_that_get_another_value() -> None:
    value = memoryview(np.ones((2, 3), "f4").tobytes())
    spec = TensorSpec("F32", (2, 3))
    given = {
        name: [GivenUpdate(Dense(), {"": Array(name, spec, value)})]
        for name in (EMBEDDING, "lm_head.weight", "score.weight", "wte.weight")
    }
    entries = {name: entry(name, spec=spec) for name in given}
    entries["wte.weight"] = entry("wte.weight", digest(value), spec=spec)
    assert replaced_embeddings(entries, given) == [EMBEDDING, "lm_head.weight"]
