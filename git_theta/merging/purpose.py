"""The purpose of a merge: to combine lines of work, or to apply a change to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Purpose(Enum):
    """The purpose for which Git merges versions of a file. The value is the word in rules and records.

    `MERGE` combines two lines of work, and the merge base is where they parted. `PICK` applies a change to
    ours: the change leads from the base to theirs, and the base needn't be in our history at all.
    """

    MERGE = "merge"
    PICK = "pick"


@dataclass(frozen=True, slots=True)
class Operation:
    """The operation in which Git merges versions of a file.

    Attributes:
        purpose: What the result is for.
        name: The git command for messages, such as `rebase`; empty if it isn't known.
    """

    purpose: Purpose = Purpose.MERGE
    name: str = ""
