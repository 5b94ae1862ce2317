"""Lists whose items correspond by content, or else by position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.formats.sequences import ListItem, UnclearError, align_lists

texts = st.text("abcde", max_size=8)


def items(text: str) -> list[ListItem]:
    """A list with an item for each letter; capitals are of another kind."""
    return [ListItem(letter, letter.isupper()) for letter in text]


def labels(base: str | None, *sides: str) -> list[list[object]]:
    return align_lists(None if base is None else items(base), [items(side) for side in sides])


def test_a_removed_item_moves_no_other() -> None:
    assert labels("abc", "bc", "xbc") == [[0, 1, 2], [1, 2], [0, 1, 2]]


def test_an_item_in_front_is_new() -> None:
    old, ours, theirs = labels("ab", "nab", "xb")
    assert (old, ours[1:], theirs) == ([0, 1], [0, 1], [0, 1])
    assert ours[0] not in old


def test_a_list_of_equal_length_that_has_moved_on() -> None:
    old, ours, theirs = labels("abc", "bcn", "abx")
    assert ours[:2] == [1, 2]
    assert ours[2] not in old
    assert theirs == [0, 1, 2]


def test_trained_items_correspond_by_position() -> None:
    assert labels("abc", "xyz", "uvw") == [[0, 1, 2]] * 3
    assert labels(None, "abc", "uvw") == [[0, 1, 2]] * 2


def test_items_between_equal_ones_correspond_if_there_are_as_many() -> None:
    assert labels("abcd", "axcyd", "abcd")[1] == [0, 1, 2, (3, 0), 3]


def test_equal_insertions_are_one() -> None:
    _, ours, theirs = labels("ab", "anb", "anb")
    assert ours == theirs


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [("a", "ab", "an"), ("abc", "xy", "abc"), (None, "ab", "a"), ("aB", "Xy", "yB")],
    ids=["both append", "trained and shorter", "no base", "kinds have moved"],
)
def test_items_that_nothing_tells_apart(base: str | None, ours: str, theirs: str) -> None:
    with pytest.raises(UnclearError):
        labels(base, ours, theirs)


@given(texts, texts, texts)
def test_labels_are_unique_and_equal_ones_are_in_the_base_or_equal(base: str, ours: str, theirs: str) -> None:
    try:
        found = labels(base, ours, theirs)
    except UnclearError:
        return
    assert [len(each) for each in found] == [len(base), len(ours), len(theirs)]
    for each in found:
        assert len(set(each)) == len(each)
    new = set(found[1]) & set(found[2]) - set(found[0])
    contents = {
        label: {text[each.index(label)] for text, each in zip((ours, theirs), found[1:], strict=True)}
        for label in new
    }
    assert all(len(letters) == 1 for letters in contents.values())
    for each in found[1:]:
        old = [label for label in each if isinstance(label, int)]
        assert old == sorted(old)


@given(texts)
def test_an_equal_list_has_the_labels_of_the_base(text: str) -> None:
    assert labels(text, text, text) == [list(range(len(text)))] * 3
