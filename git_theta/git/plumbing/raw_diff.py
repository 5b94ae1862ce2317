"""Changed files, as Git lists them in its raw format: `diff-tree`, `diff-index`, `diff-files`, `log --raw`.

With `-z`, a change is `:MODE MODE OID OID STATUS NUL PATH NUL`, with a second path for a renamed file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawChange:
    """A file that differs between two sides: trees, the index or the work tree.

    Attributes:
        old_path: Path on the old side, from the top of the work tree.
        new_path: Path on the new side; another one only for a renamed or copied file.
        old_mode: Mode on the old side, such as `100644`; empty if the file isn't there.
        new_mode: Mode on the new side; empty if the file isn't there.
        old_oid: Id of the blob on the old side; empty if the file isn't there.
        new_oid: Id of the blob on the new side; empty if the file isn't there, or is in the work tree.
        status: Git's letter: `A` added, `D` deleted, `M` modified, `R` renamed, `T` of another type,
            `U` unmerged and so on.
    """

    old_path: str
    new_path: str
    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str
    status: str


def parse_raw_diff(raw: bytes) -> Iterator[RawChange]:
    """Changes of a command's whole output. The command needs `-z` and `--no-abbrev`."""
    return raw_changes(iter(os.fsdecode(raw).split("\0")))


def raw_changes(fields: Iterator[str]) -> Iterator[RawChange]:
    """Changes from the parts between zero bytes, until a part is empty. In `git log`, that ends a commit."""
    for head in fields:
        if not head:
            return
        yield raw_change(head.lstrip("\n"), fields)


def raw_change(head: str, fields: Iterator[str]) -> RawChange:
    """One change.

    Args:
        head: The part before the paths.
        fields: The parts that follow it; its paths are taken.
    """
    old_mode, new_mode, old_oid, new_oid, status = head.removeprefix(":").split(" ")
    old_path = next(fields)
    return RawChange(
        old_path,
        new_path=next(fields) if status[0] in "RC" else old_path,
        old_mode=_present(old_mode),
        new_mode=_present(new_mode),
        old_oid=_present(old_oid),
        new_oid=_present(new_oid),
        status=status[0],
    )


def _present(word: str) -> str:
    """A mode or an id; empty if it's all zeros."""
    return word if word.strip("0") else ""
