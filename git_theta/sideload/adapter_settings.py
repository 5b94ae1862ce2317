"""Settings of adapters that PEFT saved: the file beside their tensors, and variants that can be merged."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from git_theta.adapters.factor_names import CONFIG
from git_theta.errors import UsageError
from git_theta.small_file import MAX_SETTINGS, read_small_file

#: The way out for adapters that aren't known.
HINT: Final = "merge it with PEFT, save the model over the file, and use plain `git add`"

#: Name of the update by the adapter's `peft_type`.
_KINDS = {"LORA": "low-rank", "IA3": "ia3"}

#: Settings under which merging is more, or isn't possible at all.
_VARIANTS = ("layer_replication", "alora_invocation_tokens")

#: Names that variants of newer versions of PEFT have, too.
_VARIANT = re.compile(r"use_\w+|\w+_config")

#: Settings of such names that don't change what is merged.
_HARMLESS = frozenset(
    (
        "use_dora",
        "use_rslora",
        "loftq_config",
        "eva_config",
        "corda_config",
        "lora_ga_config",
        "megatron_config",
        "runtime_config",
        "velora_config",
    )
)

#: Initialisations that leave the base as it is. Others subtract from it, so that the trained adapter belongs
#: to another base than the checkpoint.
_KEEPS_BASE = (None, True, False, "gaussian", "orthogonal", "eva")


def read_adapter_settings(path: Path) -> dict[str, Any]:
    """The settings in a file.

    Raises:
        UsageError: It isn't a JSON map, or is larger than 1 MiB.
    """
    try:
        config = json.loads(read_small_file(path, MAX_SETTINGS))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} isn't JSON: {error}") from error
    if not isinstance(config, dict):
        raise UsageError(f"{path} isn't a map of settings")
    return config


def check_mergeable(config: Mapping[str, Any], kind: str) -> None:
    """Check that an adapter is of a type and a variant that can be merged.

    Args:
        config: Its settings.
        kind: Name of the update that the user asked for.

    Raises:
        UsageError: It isn't, or the user asked for another type.
    """
    found = _KINDS.get(str(config.get("peft_type")))
    if found is None:
        raise UsageError(f"the adapter is of type {config.get('peft_type')!r:.80}, not LORA or IA3", HINT)
    if found != kind:
        raise UsageError(f"the adapter is of type {config['peft_type']}", f"use --update-type {found}")
    variants = [
        key
        for key, value in config.items()
        if value and (key in _VARIANTS or (_VARIANT.fullmatch(key) and key not in _HARMLESS))
    ]
    if variants:
        raise UsageError(f"the adapter uses {', '.join(variants):.200}, which git-theta can't merge", HINT)
    start = config.get("init_lora_weights")
    if not any(start is known or (isinstance(start, str) and start == known) for known in _KEEPS_BASE):
        raise UsageError(
            f"the adapter was initialised by {start!r:.80}, which changes the base ({CONFIG})", HINT
        )
