"""Metadata of GGUF files: base models, as `general.base_model.{i}.…` names them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from git_theta.lineage.sources.stated import MAX_PARENTS, StatedParent, as_name

_COUNT = "general.base_model.count"

#: A model's page on the Hugging Face Hub.
_PAGE = re.compile(r"https?://huggingface\.co/([\w.-]+/[\w.-]+)/?", re.ASCII)

#: Dtypes of weights that aren't quantised.
_PLAIN = frozenset(("F64", "F32", "F16", "BF16"))


def gguf_parents(metadata: Mapping[str, str], dtypes: Iterable[str]) -> list[StatedParent]:
    """The base models that a file names.

    Args:
        metadata: The metadata by key; texts as Python writes them, as the format gives scalars.
        dtypes: Dtypes of the file's tensors: those of a quantised one aren't all plain floats.
    """
    count = _value(metadata, _COUNT)
    number = int(count) if count.isdigit() else 0
    relation = "quantized" if "general.quantized_by" in metadata or set(dtypes) - _PLAIN else "derived"
    parents = []
    for index in range(min(number, MAX_PARENTS)):
        start = f"general.base_model.{index}"
        page = _PAGE.fullmatch(_value(metadata, f"{start}.repo_url"))
        owner, name = _value(metadata, f"{start}.organization"), _value(metadata, f"{start}.name")
        found = page[1] if page else f"{owner}/{name}".replace(" ", "-") if owner and name else name
        if as_name(found):
            parents.append(StatedParent(as_name(found), relation))
    return parents


def _value(metadata: Mapping[str, str], key: str) -> str:
    """A text, or a number as a text; empty if there's none."""
    text = metadata.get(key, "")
    try:
        found = ast.literal_eval(text) if text else ""
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return ""
    return str(found) if isinstance(found, str | int) else ""
