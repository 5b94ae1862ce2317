"""Values of git-theta 0.2 that claim to be far larger than their objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.legacy.metadata import LegacyError, LegacyParameter
from git_theta.legacy.values import LegacyValue
from git_theta.model.tensor import TensorSpec


def refuse(oid: str) -> Path:
    raise AssertionError(f"object {oid} is read")


def test_a_chain_of_large_values_of_few_bytes_is_refused_before_it_is_read() -> None:
    spec = TensorSpec("F32", (1 << 27,))
    whole = LegacyParameter(spec, "0" * 64, 100, "dense", "")
    chain = [LegacyParameter(spec, "0" * 64, 100, "sparse", "1" * 40)] * 4000
    with pytest.raises(LegacyError, match=r"'w' has 4001 versions of almost no bytes"):
        LegacyValue("w", [*chain, whole], refuse).read()
    with pytest.raises(AssertionError, match="is read"):
        LegacyValue("w", [whole], refuse).read()
