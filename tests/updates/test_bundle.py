from __future__ import annotations

import pytest

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates import registry
from git_theta.updates.bundle import MAX_BUNDLE, check_bundle_size, takes_bundles
from git_theta.updates.dense import Dense
from git_theta.updates.payload import pack_header
from tests.helpers.weights import joined


def dense(data: bytes) -> memoryview:
    return memoryview(joined(Dense().encode(memoryview(data), TensorSpec("U8", (len(data),)))))


def test_dense_values_and_steps_are_bundled() -> None:
    names = [update.name for update in registry() if takes_bundles(update)]
    assert names == ["dense", "steps"]


def test_the_values_of_a_dense_bundle() -> None:
    bundle = Dense().open_bundle(dense(b"abcdefgh"))
    assert Dense().decode_bundled(bundle, [0, 3, 5], [], 3) == [b"abc", b"def", b"fgh"]
    assert Dense().decode_bundled(bundle, [8], [], 0) == [b""]
    with pytest.raises(CorruptError, match="8 bytes of values"):
        Dense().decode_bundled(bundle, [0, 6], [], 3)


def test_a_dense_bundle_has_a_limit() -> None:
    assert len(Dense().open_bundle(dense(bytes(MAX_BUNDLE))).data) == MAX_BUNDLE
    with pytest.raises(CorruptError, match="at most 65,536"):
        Dense().open_bundle(dense(bytes(MAX_BUNDLE + 1)))
    for size in (-1, None, True, 1.5, "9", 1 << 70):
        with pytest.raises(CorruptError, match="at most 65,536"):
            check_bundle_size(size)
    header = pack_header({"update": "dense", "codec": "planes", "params": {}, "nbytes": 8})
    with pytest.raises(CorruptError):
        Dense().open_bundle(memoryview(header))
