"""Compressed parts of arrays, told by their names, dtypes and shapes."""

from __future__ import annotations

import pytest

from git_theta.model.array_parts import is_compressed_part
from git_theta.model.tensor import TensorSpec


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "expected"),
    [
        ("w[0:32,0:8]", "U8", (200,), True),
        ("w[32:64]", "U8", (31,), True),
        ("w[32:64]", "U8", (32,), False),
        ("w[0:32,0:8]", "U8", (32, 8), False),
        ("w[0:32,0:8]", "F32", (200,), False),
        ("w", "U8", (200,), False),
        ("w[0:32]/x", "U8", (200,), False),
        (f"w[0:{'9' * 5000}]", "U8", (200,), False),
    ],
)
def test_compressed_parts(name: str, dtype: str, shape: tuple[int, ...], expected: bool) -> None:
    assert is_compressed_part(name, TensorSpec(dtype, shape)) is expected
