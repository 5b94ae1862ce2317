from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs.deflate.trees import Alphabet, build_tree, tree_of

SMALL = Alphabet(19, 7, (0,) * 19)


@given(st.lists(st.integers(0, 5000), min_size=19, max_size=19))
def test_codes_are_complete_and_short_enough(frequencies: list[int]) -> None:
    tree = build_tree(frequencies, SMALL)
    used = [length for length in tree.lengths if length]
    assert len(used) >= 2
    assert max(used) <= 7
    assert sum(2.0**-length for length in used) == 1
    assert all(tree.lengths[symbol] for symbol, count in enumerate(frequencies) if count)


def test_rarer_symbols_have_longer_codes() -> None:
    tree = build_tree([1, 2, 4, 8, *[0] * 15], SMALL)
    assert tree.lengths[:4] == (3, 3, 2, 1)
    assert tree.last == 3
    assert tree.bits([1, 2, 4, 8, *[0] * 15], [0] * 19) == 3 + 6 + 8 + 8


def test_codes_begin_with_their_lowest_bit() -> None:
    assert tree_of([1, 2, 2]).codes == (0, 1, 3)
