"""The rows of a merged vocabulary: which there are, in which order, and where each comes from.

A row is known by its token, or by its number where no token is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

#: A token, or the number of a row without one.
RowKey: TypeAlias = str | int

_CHOICES = "--rows common, union or ours decides"


class UnclearRowsError(Exception):
    """Rows that can't be merged without a choice; the message is the reason."""


def row_keys(count: int, tokens: Mapping[str, int]) -> list[RowKey]:
    """The key of each row.

    Args:
        count: The number of rows.
        tokens: Token → id; ids beyond the rows are left out.
    """
    keys: list[RowKey] = list(range(count))
    for token, number in tokens.items():
        if number < count:
            keys[number] = token
    return keys


def order_by_choice(choice: str, sides: Sequence[Sequence[RowKey]]) -> list[RowKey]:
    """The rows of the result, as a user chose.

    Args:
        choice: `common`, `union` or `ours`.
        sides: The keys of each side's rows, ours first.
    """
    ours, *others = sides
    if choice == "ours":
        return list(ours)
    if choice == "common":
        there = set(ours).intersection(*others)
        return [key for key in ours if key in there]
    return list(dict.fromkeys(key for keys in sides for key in keys))


def order_by_count(base: int | None, sides: Sequence[int]) -> range:
    """The rows of the result where no tokens are known: those of the side that added some at the end.

    Without a base, equal numbers are of the same tokens.

    Args:
        base: The number of rows in the merge base; `None` if there's none.
        sides: The number of rows of each side.

    Raises:
        UnclearRowsError: Several sides changed the number, or rows were removed.
    """
    start = base if base is not None else sides[0]
    grown = [count for count in sides if count != start]
    if not grown or (base is not None and len(grown) == 1 and grown[0] == max(sides)):
        return range(max(sides))
    counts = " and ".join(f"{count:,}" for count in sides)
    raise UnclearRowsError(f"sides have {counts} rows, and no tokenizer.json tells them apart: {_CHOICES}")


def order_by_tokens(
    sides: Sequence[Sequence[RowKey]], tokens: Sequence[Mapping[str, int]], result: Mapping[str, int] | None
) -> list[RowKey]:
    """The rows of the result as the tokenizer beside it needs them.

    Args:
        sides: The keys of each side's rows.
        tokens: The tokens of each side.
        result: The tokens of the result; `None` if they're in conflict.

    Raises:
        UnclearRowsError: They're in conflict, or a token is on no side.
    """
    if result is None:
        raise UnclearRowsError(
            f"sides have different tokens: settle tokenizer.json, then git theta resolve; or {_CHOICES}"
        )
    alike = [list(keys) for keys, own in zip(sides, tokens, strict=True) if own == result]
    if alike:
        return max(alike, key=len)
    count = max(*map(len, sides), 1 + max(result.values(), default=-1))
    keys = row_keys(count, result)
    known = {key for side in sides for key in side}
    missing = [key for key in keys if key not in known and isinstance(key, str)]
    if missing:
        raise UnclearRowsError(f"tokenizer.json has tokens that no side has, such as {missing[0]!r}")
    # A row without a token may have had one on each side.
    while keys and keys[-1] not in known:
        keys.pop()
    if any(key not in known for key in keys):
        raise UnclearRowsError(f"tokenizer.json has no token for some rows: {_CHOICES}")
    return keys


def order_of_largest(sides: Sequence[Sequence[RowKey]]) -> list[RowKey]:
    """The rows of the side that has all tokens of the others, where no tokenizer of a result tells.

    Raises:
        UnclearRowsError: No side has all.
    """
    for keys in sorted(sides, key=len, reverse=True):
        there = set(keys)
        if all(there.issuperset(key for key in other if isinstance(key, str)) for other in sides):
            return list(keys)
    raise UnclearRowsError(f"each side has tokens that another hasn't: {_CHOICES}")
