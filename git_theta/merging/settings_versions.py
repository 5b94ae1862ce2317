"""Settings beside a checkpoint, in each of its versions: what strategies for groups of parameters read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from git_theta.errors import UsageError

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
    """

    base: Settings = field(default_factory=dict)
    sides: tuple[Settings, ...] = ()
    result: Settings | None = field(default_factory=dict)
    fits: bool = False

    def of_side(self, index: int) -> Settings:
        """The settings beside a side."""
        return self.sides[index] if self.sides else {}


#: Reads the versions of a file of settings, by the file's name.
ReadSettings = Callable[[str], SettingsVersions]


def no_settings(_name: str) -> SettingsVersions:
    """The settings of checkpoints that stand alone."""
    return SettingsVersions()


def parsed_settings(path: str, text: bytes | None) -> dict[str, Any]:
    """The settings of a version; none without the file.

    Raises:
        UsageError: It isn't a JSON map.
    """
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"a version of {path} isn't JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"a version of {path} isn't a map of settings")
    return found


def settings_text(settings: Settings, like: bytes = b"") -> bytes:
    """The JSON of settings, in the order of its keys, as PEFT writes it.

    Args:
        settings: The settings.
        like: The text of other settings, which may end with a line break.
    """
    end = "\n" if like.endswith(b"\n") else ""
    return f"{json.dumps(settings, indent=2)}{end}".encode()
