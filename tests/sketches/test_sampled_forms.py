from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.sampled_forms import Extent, SampledForm, other_forms, same_order
from git_theta.sketches.sketch import sample_count, sample_positions

Array = NDArray[np.int64]


def numbered(*shape: int) -> Array:
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape)


def spec(array: Array) -> TensorSpec:
    return TensorSpec("F32", array.shape)


def fits(form: SampledForm, new: Array, stored: Array) -> bool:
    """Whether all aligned elements are equal, and there are some."""
    sampled = stored.reshape(-1)[sample_positions(stored.size, sample_count(spec(stored)))]
    return bool(np.array_equal(new.reshape(-1)[form.positions], sampled[form.samples]))


def extents(new: Array, stored: Array) -> list[Extent]:
    """The extents of the forms by which the tensors have the same elements."""
    return [form.extent for form in other_forms(spec(new), spec(stored)) if fits(form, new, stored)]


def whole(array: Array) -> Extent:
    return Extent(0, 0, len(array))


@pytest.mark.parametrize("shape", [(64, 64), (64, 96), (8, 16, 40), (64, 32, 3, 3), (1, 64, 64)])
def test_dimensions_may_have_any_other_order(shape: tuple[int, ...]) -> None:
    stored = numbered(*shape)
    new = stored.transpose(*range(len(shape) - 1, -1, -1))
    assert extents(np.ascontiguousarray(new), stored) == [whole(new)]


@pytest.mark.parametrize("axis", [0, 1])
def test_fused_matrices_have_their_parts_side_by_side(axis: int) -> None:
    parts = [numbered(64, 64) + 10_000 * number for number in range(3)]
    new = np.concatenate(parts, axis)
    assert [extents(new, part) for part in parts] == [
        [Extent(axis, start, start + 64)] for start in (0, 64, 128)
    ]
    assert [extents(part, new) for part in parts] == [[whole(parts[0])]] * 3


@pytest.mark.parametrize("axis", [0, 1])
def test_parts_of_a_fused_matrix_may_be_transposed(axis: int) -> None:
    parts = [numbered(64, 80) + 10_000 * number for number in range(3)]
    new = np.concatenate([part.T for part in parts], axis)
    size = new.shape[axis] // 3
    assert [extents(new, part) for part in parts] == [
        [Extent(axis, start, start + size)] for start in range(0, 3 * size, size)
    ]
    assert [extents(part, new) for part in parts] == [[whole(parts[0])]] * 3


def test_fused_matrices_may_be_of_different_sizes() -> None:
    query, key, value = numbered(256, 64), numbered(64, 64) + 20_000, numbered(64, 64) + 30_000
    new = np.concatenate([query, key, value])
    assert [extents(new, part) for part in (query, key, value)] == [
        [Extent(0, 0, 256)],
        [Extent(0, 256, 320)],
        [Extent(0, 320, 384)],
    ]


def test_stacked_matrices_have_their_parts_in_order() -> None:
    experts = [numbered(64, 80) + 10_000 * number for number in range(8)]
    new = np.stack(experts)
    assert [extents(new, expert) for expert in experts] == [[Extent(0, at, at + 1)] for at in range(8)]
    assert [extents(expert, new) for expert in experts] == [[whole(experts[0])]] * 8


@pytest.mark.parametrize("shape", [(300, 64), (256, 70), (270, 70)])
def test_a_tensor_that_grew_keeps_its_corner(shape: tuple[int, int]) -> None:
    stored = numbered(256, 64)
    new = np.zeros(shape, np.int64) - 1
    new[:256, :64] = stored
    assert len(extents(new, stored)) == 1
    assert len(extents(stored, new)) == 1


def test_small_common_parts_and_other_ranks_are_no_forms() -> None:
    assert other_forms(TensorSpec("F32", (200, 200)), TensorSpec("F32", (64, 64))) == ()
    assert other_forms(TensorSpec("F32", (64, 64)), TensorSpec("F32", (64, 64, 2, 2))) == ()
    assert other_forms(TensorSpec("F32", (64, 64)), TensorSpec("F32", (4096,))) == ()
    assert other_forms(TensorSpec("C64", (64, 64)), TensorSpec("C64", (64, 64))) == ()
    assert other_forms(TensorSpec("F32", (0, 64)), TensorSpec("F32", (64, 64))) == ()


def test_many_small_parts_are_no_form() -> None:
    small = TensorSpec("F32", (16, 64))
    assert len(other_forms(TensorSpec("F32", (16 * 128, 64)), small)) == 128
    assert other_forms(TensorSpec("F32", (16 * 129, 64)), small) == ()
    assert len(other_forms(TensorSpec("F32", (16 * 8 + 1, 64)), small)) == 8
    assert other_forms(TensorSpec("F32", (16 * 9 + 1, 64)), small) == ()
    assert other_forms(TensorSpec("F32", (129, 16, 64)), small) == ()


def test_a_part_with_too_few_samples_is_no_form() -> None:
    assert other_forms(TensorSpec("F32", (64, 80)), TensorSpec("F32", (200, 64, 80))) == ()


def test_the_same_order_has_all_samples() -> None:
    array = numbered(64, 128)
    assert fits(same_order(spec(array)), array.reshape(128, 64), array)


def test_extents_say_their_share_and_overlap() -> None:
    assert Extent(1, 0, 16).share((4, 64)) == 0.25
    assert Extent(0, 0, 1).share(()) == 1
    assert Extent(0, 0, 16).overlaps(Extent(0, 15, 20))
    assert not Extent(0, 0, 16).overlaps(Extent(0, 16, 20))
    assert Extent(0, 0, 16).overlaps(Extent(1, 16, 20))
