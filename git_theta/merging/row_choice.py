"""Parameters with a row for each token whose versions have other rows, and the rows of their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from git_theta.errors import UsageError
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import content_key, side_name
from git_theta.merging.row_order import (
    RowKey,
    UnclearRowsError,
    order_by_choice,
    order_by_count,
    order_by_tokens,
    order_of_largest,
    row_keys,
)
from git_theta.merging.rules import MergeRules
from git_theta.merging.settings_versions import ReadSettings, SettingsVersions
from git_theta.merging.tokens import TOKENIZER
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.three_way import trivial_merge

#: Last words of names of parameters with a row for each token: embeddings of tokens, and output layers.
_MODULES = frozenset(
    (
        *("embed_tokens", "wte", "word_embeddings", "tok_embeddings", "token_embd", "token_embedding"),
        *("embed_in", "shared", "embed_out", "lm_head", "vocab_projector"),
    )
)
_ENDS = ("weight", "bias")
_NAMES = frozenset(
    (
        *("output.weight", "final_logits_bias", "cls.predictions.bias"),
        *("cls.predictions.decoder.weight", "cls.predictions.decoder.bias"),
    )
)

#: A parameter in the base, or `None`, and on each side.
_Entries = tuple[Entry | None, ...]


@dataclass(frozen=True, slots=True)
class RowOrder:
    """The rows of a parameter's result, and those of its versions.

    Attributes:
        order: The keys of the result's rows.
        versions: The keys of the rows of the base, or `None` without one, and of each side.
    """

    order: Sequence[RowKey]
    versions: tuple[Sequence[RowKey] | None, ...]

    @property
    def is_as_all(self) -> bool:
        """Whether all versions have the rows of the result."""
        return all(keys is None or list(keys) == list(self.order) for keys in self.versions)


@dataclass(frozen=True, slots=True)
class RowChoices:
    """The parameters whose versions are brought to the same rows.

    Attributes:
        orders: Name → rows.
        unclear: Name → reason, of parameters that can't be combined without a choice of rows.
        notes: Remarks about that, in words.
    """

    orders: Mapping[str, RowOrder] = field(default_factory=dict)
    unclear: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def choose_rows(
    base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules, settings: ReadSettings
) -> RowChoices:
    """The rows of parameters whose versions have other rows, or other tokens in the same rows.

    Rows correspond by their tokens where all sides have a tokenizer. By their order they do only in
    parameters of a vocabulary, and where one side added some, unless a rule says which rows are wanted. A
    tokenizer that can't be read leaves it unclear.

    Args:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first, with equal names for what corresponds.
        rules: The rules for this file.
        settings: Reads files of settings beside the versions.
    """
    found = _with_rows(base, sides)
    counts = {name: _counts(entries) for name, entries in found.items()}
    vocabulary = set(filter(_is_of_vocabulary, found))
    # Moments of an optimizer and the like have other names, and rows for the same tokens.
    as_vocabulary = {counts[name] for name in vocabulary if len(set(counts[name])) > 1}
    vocabulary |= {name for name, each in counts.items() if each in as_vocabulary}
    asked = {name: rules.rows(name) for name in found}
    undecided = {name for name, entries in found.items() if _is_undecided(entries)}
    others = {
        name
        for name in found.keys() - vocabulary
        if len(set(counts[name][1:])) > 1 and (asked[name] or name in undecided)
    }
    needed = any(asked[name] or name in undecided for name in vocabulary)
    tokens, problem = _read_tokens(settings) if needed else (None, "")
    orders: dict[str, RowOrder] = {}
    unclear: dict[str, str] = {}
    made: dict[object, RowOrder | UnclearRowsError] = {}
    for name in [*(sorted(vocabulary) if needed else ()), *sorted(others)]:
        key = counts[name], name in vocabulary, asked[name]
        if problem and name in vocabulary and not asked[name]:
            made[key] = UnclearRowsError(f"{problem}; --rows common, union or ours goes by the order of rows")
        elif key not in made:
            made[key] = _order(counts[name], tokens, asked[name], is_vocabulary=name in vocabulary)
        order = made[key]
        if isinstance(order, RowOrder):
            orders |= {} if order.is_as_all else {name: order}
        elif name in undecided:
            unclear[name] = str(order)
    return RowChoices(orders, unclear, _notes(orders, tokens))


def _with_rows(base: Manifest | None, sides: Sequence[Manifest]) -> dict[str, _Entries]:
    """The parameters that all sides have with the same shapes but for the number of rows.

    Without those that are packed, or equal in all versions, or that have equal shapes and aren't of a
    vocabulary.
    """
    before = base.by_name if base else {}
    tables = [side.by_name for side in sides]
    found: dict[str, _Entries] = {}
    for first in parameter_entries(sides[0]):
        name, shape = first.name, first.spec.shape
        entries = before.get(name), *(table.get(name) for table in tables)
        present = [entry for entry in entries if entry]
        if all(entry.spec.shape == shape for entry in present) and not _is_of_vocabulary(name):
            continue
        if any(entry.spec.is_packed for entry in present):
            continue
        if None in entries[1:] or len({content_key(entry) for entry in present}) == 1:
            continue
        if all(entry.spec.shape and entry.spec.shape[1:] == shape[1:] for entry in present):
            found[name] = entries
    return found


def _is_of_vocabulary(name: str) -> bool:
    words = name.replace("/", ".").rsplit(".", 2)
    return (len(words) > 1 and words[-1] in _ENDS and words[-2] in _MODULES) or name in _NAMES


def _counts(entries: _Entries) -> tuple[int | None, ...]:
    return tuple(entry.spec.shape[0] if entry else None for entry in entries)


def _is_undecided(entries: _Entries) -> bool:
    """Whether equality doesn't decide about a parameter."""
    base, *sides = map(content_key, entries)
    return trivial_merge(base, sides) is None


def _read_tokens(settings: ReadSettings) -> tuple[SettingsVersions | None, str]:
    """The tokens of the versions, `None` if a side has none; and why a tokenizer can't be read, or empty."""
    try:
        found = settings(TOKENIZER)
    except UsageError as error:
        return None, error.message
    return found if found.alike or (found.sides and all(found.sides)) else None, ""


def _order(
    counts: tuple[int | None, ...], tokens: SettingsVersions | None, choice: str, *, is_vocabulary: bool
) -> RowOrder | UnclearRowsError:
    """The rows of a parameter, or the reason why they can't be told without a choice."""
    before, *sides = counts
    numbers = [count for count in sides if count is not None]
    try:
        if is_vocabulary and tokens and _fit(tokens, numbers):
            keys = [row_keys(count, own) for count, own in zip(numbers, tokens.sides, strict=True)]
            # A base without a tokenizer has the tokens of ours.
            old = None if before is None else row_keys(before, tokens.base or tokens.sides[0])
            return RowOrder(_by_tokens(keys, tokens, choice), (old, *keys))
        order = _by_count(before, numbers, tokens, choice, is_vocabulary=is_vocabulary)
        return RowOrder(order, (None if before is None else range(before), *map(range, numbers)))
    except UnclearRowsError as error:
        return error


def _fit(tokens: SettingsVersions, counts: Sequence[int]) -> bool:
    """Whether there's a row for each token."""
    pairs = zip(tokens.sides, counts, strict=False)
    return bool(tokens.sides) and all(max(own.values()) < count for own, count in pairs)


def _by_count(
    before: int | None,
    counts: Sequence[int],
    tokens: SettingsVersions | None,
    choice: str,
    *,
    is_vocabulary: bool,
) -> Sequence[RowKey]:
    """The rows where they're known by their numbers alone.

    Raises:
        UnclearRowsError: They can't be told without a choice.
    """
    if choice:
        return order_by_choice(choice, [range(count) for count in counts])
    if is_vocabulary and tokens and tokens.alike:
        # The tokens are the same, so that further rows have none.
        index = trivial_merge(before, counts)
        return range(max(counts) if index is None else counts[index])
    if is_vocabulary:
        return order_by_count(before, counts)
    raise UnclearRowsError(
        f"changed to {' and '.join(f'{count:,}' for count in counts)} rows: if these correspond by their "
        "order, choose --rows common, union or ours; else take a side"
    )


def _by_tokens(sides: Sequence[Sequence[RowKey]], tokens: SettingsVersions, choice: str) -> Sequence[RowKey]:
    result = tokens.result
    everything = {token for own in tokens.sides for token in own}
    has_all = bool(result) and everything.issubset(result or ())
    if (result is None and not choice) or (result and not choice) or (choice == "union" and has_all):
        return order_by_tokens(sides, tokens.sides, result)
    return order_by_choice(choice, sides) if choice else order_of_largest(sides)


def _notes(orders: Mapping[str, RowOrder], tokens: SettingsVersions | None) -> tuple[str, ...]:
    if not orders:
        return ()
    counts = " and ".join(f"{count:,}" for count in sorted({len(each.order) for each in orders.values()}))
    listed = f"{len(orders):,} parameters have" if len(orders) > 1 else f"{min(orders)} has"
    how = "their tokens in tokenizer.json" if tokens and not tokens.alike else "their order"
    found = f"{listed} other rows on some side: merged by {how}, to {counts} rows (--rows chooses)"
    named = [each.order for each in orders.values() if any(isinstance(key, str) for key in each.order)]
    if tokens is None or not named or _fits(tokens.result or {}, named):
        return (found,)
    side = next((i for i, own in enumerate(tokens.sides) if _fits(own, named)), None)
    tokenizer = f"the {TOKENIZER} of {side_name(side)}" if side is not None else f"a {TOKENIZER} of its own"
    return found, f"the result needs {tokenizer}, with the tokens of its rows in their order"


def _fits(tokens: Mapping[str, int], orders: Sequence[Sequence[RowKey]]) -> bool:
    """Whether all tokens have their rows, and other tokens have none."""
    return all(_has_tokens_at(order, list(tokens.items())) for order in orders)


def _has_tokens_at(order: Sequence[RowKey], ids: Sequence[tuple[str, int]]) -> bool:
    """Whether the rows of tokens are at their ids, and no other tokens have rows."""
    wanted = sum(isinstance(key, str) for key in order)
    return len(ids) == wanted and all(number < len(order) and order[number] == token for token, number in ids)
