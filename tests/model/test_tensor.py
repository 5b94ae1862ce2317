from __future__ import annotations

import pytest

from git_theta.model.tensor import ITEM_SIZE, TensorSpec, numpy_dtype


@pytest.mark.parametrize("name", sorted(ITEM_SIZE))
def test_every_dtype_has_a_numpy_one_of_the_same_size(name: str) -> None:
    assert numpy_dtype(name).itemsize == ITEM_SIZE[name]


def test_sizes() -> None:
    spec = TensorSpec("C64", (2, 3))
    assert (spec.count, spec.nbytes, spec.word_size, spec.strides) == (6, 48, 4, (24, 8))
    assert TensorSpec("F32", ()).nbytes == 4
    assert TensorSpec("F32", (0, 5)).nbytes == 0


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("F31", ()), ("F32", (-1,)), ("F32", (1 << 60,)), ("F32", (0, 1 << 60)), ("F32", (1,) * 65)],
)
def test_absurd_types_are_refused(dtype: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        TensorSpec(dtype, shape)
