from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_theta.runtime.slabs import slabs


@given(st.lists(st.integers(0, 50)), st.integers(1, 100))
def test_each_list_but_the_last_just_reaches_the_size(sizes: list[int], nbytes: int) -> None:
    found = list(slabs(iter(sizes), lambda size: size, nbytes))
    assert [size for slab in found for size in slab] == sizes
    for number, slab in enumerate(found):
        assert sum(slab[:-1]) < nbytes
        assert sum(slab) >= nbytes or number == len(found) - 1
    assert [] not in found
