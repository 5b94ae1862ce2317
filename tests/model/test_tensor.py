from __future__ import annotations

import pytest

from git_theta.errors import PackedValueError
from git_theta.model.tensor import BLOCKS, ITEM_SIZE, TensorSpec, numpy_dtype


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
    [
        ("F31", ()),
        ("F32", (-1,)),
        ("F32", (1 << 60,)),
        ("F32", (0, 1 << 60)),
        ("F32", (1,) * 65),
        ("F4", (3,)),
        ("F4", ()),
    ],
)
def test_absurd_types_are_refused(dtype: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        TensorSpec(dtype, shape)


@pytest.mark.parametrize(
    ("dtype", "shape", "nbytes", "as_bytes"),
    [
        ("F4", (2, 8), 8, (2, 4)),
        ("F4", (2, 3), 3, (3,)),
        ("F6_E2M3", (4, 8), 24, (4, 6)),
        ("F6_E3M2", (2, 2), 3, (3,)),
        ("Q4_0", (3, 64), 108, (3, 36)),
        ("Q6_K", (256,), 210, (210,)),
        ("Q8_0", (0, 32), 0, (0, 34)),
    ],
)
def test_packed_types(dtype: str, shape: tuple[int, ...], nbytes: int, as_bytes: tuple[int, ...]) -> None:
    spec = TensorSpec(dtype, shape)
    assert (spec.nbytes, spec.word_size, spec.as_bytes) == (nbytes, 1, TensorSpec("U8", as_bytes))


def test_packed_elements_have_no_size() -> None:
    with pytest.raises(PackedValueError, match="values of F4 are packed"):
        _ = TensorSpec("F4", (2,)).item_size
    with pytest.raises(PackedValueError):
        _ = TensorSpec("F4", (2,)).strides


def test_whole_bytes_are_as_they_are() -> None:
    spec = TensorSpec("BF16", (2, 3))
    assert spec.as_bytes is spec


def test_blocks_are_as_in_gguf() -> None:
    sizes = pytest.importorskip("gguf.constants").GGML_QUANT_SIZES
    blocks = {dtype.name: tuple(size) for dtype, size in sizes.items() if size[0] > 1}
    assert blocks.items() <= BLOCKS.items()
