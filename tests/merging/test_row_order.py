from __future__ import annotations

from collections.abc import Sequence

import pytest

from git_theta.merging.row_order import (
    UnclearRowsError,
    order_by_choice,
    order_by_count,
    order_by_tokens,
    order_of_largest,
    row_keys,
)


def ids(letters: str) -> dict[str, int]:
    return {letter: number for number, letter in enumerate(letters)}


def test_rows_without_a_token_are_known_by_their_number() -> None:
    assert row_keys(4, {"b": 1, "a": 0, "beyond": 9}) == ["a", "b", 2, 3]


@pytest.mark.parametrize(("choice", "expected"), [("common", "ac"), ("union", "abcxy"), ("ours", "abc")])
def test_rows_that_a_user_chooses(choice: str, expected: str) -> None:
    assert order_by_choice(choice, ["abc", "xcay"]) == list(expected)


@pytest.mark.parametrize(
    ("base", "sides", "count"), [(3, (5, 3), 5), (3, (3, 4), 4), (3, (3, 3), 3), (None, (3, 3), 3)]
)
def test_rows_that_one_side_added(base: int | None, sides: Sequence[int], count: int) -> None:
    assert order_by_count(base, sides) == range(count)


@pytest.mark.parametrize(
    ("base", "sides"), [(3, (4, 4)), (3, (4, 5)), (3, (2, 3)), (None, (3, 4)), (3, (4, 2))]
)
def test_numbers_of_rows_that_tell_too_little(base: int | None, sides: Sequence[int]) -> None:
    with pytest.raises(UnclearRowsError, match="--rows common, union or ours"):
        order_by_count(base, sides)


def test_rows_of_the_tokenizer_of_the_result() -> None:
    sides = [["a", "b", 2], ["a", "b", "c", 3]]
    tokens = [ids("ab"), ids("abc")]
    assert order_by_tokens(sides, tokens, ids("abc")) == sides[1]
    assert order_by_tokens(sides, tokens, ids("ab")) == sides[0]
    assert order_by_tokens(sides, tokens, ids("cab")) == ["c", "a", "b", 3]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, "settle tokenizer.json"),
        (ids("abz"), "tokens that no side has, such as 'z'"),
        ({"a": 0, "b": 5}, "no token for some rows"),
    ],
)
def test_tokenizers_that_leave_rows_unclear(result: dict[str, int] | None, said: str) -> None:
    with pytest.raises(UnclearRowsError, match=said):
        order_by_tokens(["ab", "bc"], [ids("ab"), ids("bc")], result)


def test_rows_of_the_side_that_has_all_tokens() -> None:
    assert order_of_largest([["a", "b", 2], ["b", "a", "c"]]) == ["b", "a", "c"]
    with pytest.raises(UnclearRowsError, match="each side has tokens that another hasn't"):
        order_of_largest(["ab", "ac"])
