"""The demands of updates, as their payloads' headers tell."""

from __future__ import annotations

import pytest

from git_theta.errors import CorruptError
from git_theta.updates import registry
from git_theta.updates.demand import Demand, Demanding, block_memory, default_demand, streaming
from git_theta.updates.payload import pack_header

BUILT_IN = ("dense", "delta", "sparse", "low-rank", "rows", "gather", "ia3", "quantized", "sign", "recipe")


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_update_tells(name: str) -> None:
    assert isinstance(registry().get(name), Demanding)


@pytest.mark.parametrize("name", ["low-rank", "rows", "gather", "ia3", "sign", "recipe"])
@pytest.mark.parametrize("payload", [None, b"", b"junk", pack_header({"update": "dense"})])
def test_a_payload_that_tells_nothing_is_refused(name: str, payload: bytes | None) -> None:
    update = registry().get(name)
    assert isinstance(update, Demanding)
    with pytest.raises(CorruptError):
        update.demand(lambda: None if payload is None else memoryview(payload), 1, 4)


def test_memory_is_in_proportion_to_a_small_value() -> None:
    assert streaming(2, 10, work=3, memory=1 << 20) == Demand((10, 10), 30, 320)
    assert streaming(0, 1 << 30, work=3, memory=1 << 20) == Demand((), 3 << 30, 1 << 20)
    assert default_demand(1, 100).inputs == (100,)


def test_a_block_of_one_long_row_takes_more_for_each_element() -> None:
    assert block_memory(1 << 24, 4) > 64 * block_memory(1 << 18, 4)
