"""Tied output layers: what PEFT leaves as it was when an adapter replaces the embedding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from git_theta.model.digest import digest
from git_theta.model.manifest import Entry
from git_theta.sideload.given_update import GivenUpdate
from git_theta.updates.dense import Dense

#: The model's settings, in its folder.
CONFIG = "config.json"

_KEY = "tie_word_embeddings"

#: Names of input embeddings and of output layers, from a dot on, in the libraries that tie them.
_EMBEDDING = re.compile(
    r"(.*[./])?(embed_tokens|embed_in|wte|word_embeddings|tok_embeddings|token_embeddings?|shared)[./]weight"
)
_OUTPUT = re.compile(r"(.*[./])?(lm_head|embed_out|output_projection|cls\.predictions\.decoder)[./]weight")


def has_tied_output(config: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether a model's output layer has the values of its input embedding.

    Where the settings don't say, the default of transformers counts, unless the file has an output layer.

    Args:
        config: The settings in `config.json`; empty if there are none.
        names: Names of the model's parameters.
    """
    inner = config.get("text_config")
    for settings in (config, inner if isinstance(inner, Mapping) else {}):
        if isinstance(settings.get(_KEY), bool):
            return bool(settings[_KEY])
    return "model_type" in config and not any(map(_OUTPUT.fullmatch, names))


def replaced_embeddings(
    entries: Mapping[str, Entry], given: Mapping[str, Sequence[GivenUpdate]]
) -> list[str]:
    """Names of the embeddings and output layers that an adapter replaces by other values.

    PEFT saves some with the values that they had.
    """
    return [
        name
        for name, steps in given.items()
        if (_EMBEDDING.fullmatch(name) or _OUTPUT.fullmatch(name)) and replaces(entries[name], steps)
    ]


def replaces(entry: Entry, steps: Sequence[GivenUpdate]) -> bool:
    """Whether updates give a parameter another value of their own, rather than change the one it has."""
    first = steps[0]
    if not isinstance(first.update, Dense):
        return False
    (array,) = first.given.values()
    return array.spec != entry.spec or digest(array.data) != entry.digest
