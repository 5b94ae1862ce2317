"""Model cards: the YAML at the head of a README.md, as the Hugging Face Hub reads it."""

from __future__ import annotations

import re
from typing import Any

from git_theta.errors import UsageError
from git_theta.lineage.sources.stated import MAX_PARENTS, StatedParent, as_name
from git_theta.yaml_file import read_yaml_file

#: The name of a model's card, in the folder of the model.
CARD = "README.md"

#: Bytes of a card, and of the YAML at its head, at most.
MAX_CARD = 1 << 20
_MAX_HEAD = 64 << 10

_HEAD = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)

#: Relations of the Hub.
RELATIONS = ("finetune", "adapter", "merge", "quantized")


def has_head(data: bytes) -> bool:
    """Whether a file has YAML at its head that names a base model."""
    match = _HEAD.match(data)
    return match is not None and b"base_model" in match[1]


def card_parents(data: bytes) -> list[StatedParent]:
    """The base models that a card names.

    Without `base_model_relation`, several base models are those of a merge; of one, the kind is `derived`.

    Args:
        data: The file.

    Raises:
        UsageError: The YAML isn't valid, or PyYAML isn't installed.
    """
    match = _HEAD.match(data)
    if not match or b"base_model" not in match[1]:
        return []
    if len(match[1]) > _MAX_HEAD:
        raise UsageError(f"the head of {CARD} is larger than {_MAX_HEAD >> 10} KiB")
    found = read_yaml_file(match[1], f"the head of {CARD}")
    return _parents(found) if isinstance(found, dict) else []


def _parents(card: dict[str, Any]) -> list[StatedParent]:
    bases = card.get("base_model")
    names = [as_name(each) for each in (bases if isinstance(bases, list) else [bases])[:MAX_PARENTS]]
    names = list(dict.fromkeys(filter(None, names)))
    stated = card.get("base_model_relation")
    if stated not in RELATIONS:
        stated = "merge" if len(names) > 1 else "derived"
    return [StatedParent(name, str(stated)) for name in names]
