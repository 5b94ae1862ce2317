"""Settings beside a checkpoint, in each of its versions: what strategies for groups of parameters read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from git_theta.errors import UsageError
from git_theta.merging.tokens import TOKENIZER, tokens_of
from git_theta.small_file import MAX_SETTINGS

#: Bytes of a tokenizer's file, at most; those of the largest vocabularies have 33 MB. JSON takes up to 22
#: bytes of memory for each byte.
_MAX_TOKENIZER = 40 << 20

#: The settings in one version; empty if it has no such file.
Settings: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SettingsVersions:
    """A file of settings in each version of a checkpoint.

    Attributes:
        base: The settings beside the merge base.
        sides: The settings beside each side, ours first; empty if no side has any.
        result: The settings that will be beside the result; `None` if they're in conflict.
        fits: Whether those of the result are changed where they don't fit it.
        alike: Whether all versions have the same file, which wasn't parsed: settings are empty then.
    """

    base: Settings = field(default_factory=dict)
    sides: tuple[Settings, ...] = ()
    result: Settings | None = field(default_factory=dict)
    fits: bool = False
    alike: bool = False

    def of_side(self, index: int) -> Settings:
        """The settings beside a side."""
        return self.sides[index] if self.sides else {}


#: Reads the versions of a file of settings, by the file's name.
ReadSettings = Callable[[str], SettingsVersions]


def no_settings(_name: str) -> SettingsVersions:
    """The settings of checkpoints that stand alone."""
    return SettingsVersions()


def most_bytes(path: str) -> int:
    """The largest size of a file of settings, in bytes."""
    return _MAX_TOKENIZER if path.endswith(TOKENIZER) else MAX_SETTINGS


def parsed_settings(path: str, text: bytes | None) -> dict[str, Any]:
    """The settings of a version; none without the file. Those of a tokenizer are the ids of its tokens.

    Raises:
        UsageError: It isn't a JSON map, or not a tokenizer's.
    """
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"a version of {path} isn't JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"a version of {path} isn't a map of settings")
    return tokens_of(found) if path.endswith(TOKENIZER) else found


def settings_text(settings: Settings, like: bytes = b"") -> bytes:
    """The JSON of settings, in the order of its keys, as PEFT writes it.

    Args:
        settings: The settings.
        like: The text of other settings, which may end with a line break.
    """
    end = "\n" if like.endswith(b"\n") else ""
    return f"{json.dumps(settings, indent=2)}{end}".encode()
