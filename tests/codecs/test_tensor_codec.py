from __future__ import annotations

import numpy as np
import pytest

from git_theta.codecs.tensor_codec import codec_named, decode_tensor, encode_tensor
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec


def test_a_small_tensor_comes_back() -> None:
    spec = TensorSpec("F32", (7, 9))
    data = np.random.default_rng(0).bytes(spec.nbytes)
    coded = encode_tensor(memoryview(data), spec)
    assert bytes(decode_tensor("planes", memoryview(coded), spec)) == data


@pytest.mark.parametrize("name", ["nonesuch", "", None, 7, ["planes"]])
def test_an_unknown_codec_is_corruption_with_a_hint(name: object) -> None:
    with pytest.raises(CorruptError, match="isn't known\nhint: upgrade"):
        codec_named(name)
