"""`adapter_config.json` of PEFT: the model that an adapter is for."""

from __future__ import annotations

import json

from git_theta.adapters.factor_names import CONFIG
from git_theta.errors import UsageError
from git_theta.lineage.sources.stated import StatedParent, as_name

#: Bytes of the file, at most.
MAX_CONFIG = 1 << 20


def adapter_parents(data: bytes) -> list[StatedParent]:
    """The base model of an adapter.

    Args:
        data: The file.

    Raises:
        UsageError: The file isn't JSON.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{CONFIG} isn't JSON: {error}") from error
    if not isinstance(found, dict):
        return []
    name = as_name(found.get("base_model_name_or_path"))
    return [StatedParent(name, "adapter", as_name(found.get("revision")))] if name else []
