"""Which tensors an export has, and in which file."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.export.plan import exported_tensors, index_json, shard_names, split_shards
from git_theta.model.tensor import TensorSpec
from tests.helpers.manifests import entry

ENTRIES = [
    entry("m/a", spec=TensorSpec("F64", (2,))),
    entry("m/b", spec=TensorSpec("I64", (3,))),
    entry("m/c", spec=TensorSpec("F8_E4M3", (4,))),
]


def test_floats_of_16_bits_or_more_are_converted() -> None:
    tensors = exported_tensors(ENTRIES, "m/", "BF16")
    assert [(each.name, each.spec.dtype, each.is_converted) for each in tensors] == [
        ("a", "BF16", True),
        ("b", "I64", False),
        ("c", "F8_E4M3", False),
    ]


def test_a_prefix_that_a_name_lacks() -> None:
    with pytest.raises(UsageError, match="'m/a' doesn't begin with 'x/'"):
        exported_tensors(ENTRIES, "x/", None)
    with pytest.raises(UsageError):
        exported_tensors(ENTRIES, "m/a", None)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.integers(1, 100))
def test_shards_hold_all_in_order_and_keep_the_limit(sizes: list[int], limit: int) -> None:
    entries = [entry(f"t{i}", spec=TensorSpec("U8", (size,))) for i, size in enumerate(sizes)]
    tensors = exported_tensors(entries, "", None)
    shards = split_shards(tensors, limit)
    assert [tensor for shard in shards for tensor in shard] == list(tensors)
    for shard in shards:
        assert shard
        assert len(shard) == 1 or sum(tensor.spec.nbytes for tensor in shard) <= limit
    for one, following in pairwise(shards):
        assert sum(tensor.spec.nbytes for tensor in (*one, following[0])) > limit


def test_one_file_without_a_limit() -> None:
    assert len(split_shards(exported_tensors(ENTRIES, "", None), None)) == 1
    assert shard_names("model", ".safetensors", 1) == ["model.safetensors"]


def test_an_index() -> None:
    shards = split_shards(exported_tensors(ENTRIES, "m/", None), 20)
    names = shard_names("w", ".bin", len(shards))
    assert names == ["w-00001-of-00003.bin", "w-00002-of-00003.bin", "w-00003-of-00003.bin"]
    assert index_json(names, shards) == {
        "metadata": {"total_size": 16 + 24 + 4},
        "weight_map": {"a": names[0], "b": names[1], "c": names[2]},
    }
