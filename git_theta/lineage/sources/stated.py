"""Parents as files of libraries name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

#: The name of a model on the Hugging Face Hub.
_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)

#: A revision: a branch, a tag or the id of a commit.
_REVISION = re.compile(r"[\w./-]{1,120}", re.ASCII)

#: Characters of a name, at most.
_MAX_NAME = 400

#: Parents of one file, at most.
MAX_PARENTS = 1000


@dataclass(frozen=True, slots=True)
class StatedParent:
    """A parent that a file names.

    Attributes:
        name: The name as it's written: a path, or that of a model on a hub.
        relation: The kind of derivation.
        revision: The revision on the hub; empty if none is given.
    """

    name: str
    relation: str
    revision: str = ""

    @property
    def uri(self) -> str:
        """The URI of the model if it isn't in the repository: `hf:org/name@revision`, or `elsewhere:PATH`."""
        if not _HUB.fullmatch(self.name):
            return f"elsewhere:{self.name}"
        revision = f"@{self.revision}" if _REVISION.fullmatch(self.revision) else ""
        return f"hf:{self.name}{revision}"


def as_name(value: Any) -> str:
    """A text that may be the name of a model; empty if the value is none."""
    return value.strip() if isinstance(value, str) and 0 < len(value.strip()) <= _MAX_NAME else ""
