"""Views of storages as tensors in the file."""

from __future__ import annotations

import pytest

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.pytorch.locate_views import locate_each, locate_views
from git_theta.formats.pytorch.views import Storage, View
from git_theta.model.tensor import TensorSpec


def view(shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> View:
    return View(Storage("0", "F32", 6), "F32", offset, shape, strides)


def located(*views: tuple[str, View], size: int = 24) -> tuple[Tensor, ...]:
    return locate_views(((name, each, (100, size)) for name, each in views), 1000, False)


def test_a_contiguous_view_has_no_strides() -> None:
    assert located(("a", view((2, 3), (3, 1)))) == (Tensor("a", TensorSpec("F32", (2, 3)), 100),)


def test_strides_are_in_bytes() -> None:
    (found,) = located(("a", view((3, 2), (1, 3))))
    assert found.strides == (4, 12)


def test_strides_of_dimensions_of_one_element_dont_matter() -> None:
    (found,) = located(("a", view((1, 6), (77, 1))))
    assert found.strides is None


def test_names_are_made_unique() -> None:
    found = located(*(("w", view((2,), (1,), offset)) for offset in range(3)))
    assert [tensor.name for tensor in found] == ["w", "w#2", "w#3"]


def test_views_that_repeat_elements_are_left_out() -> None:
    views = [("expanded", view((2, 3), (0, 1)), (100, 24)), ("w", view((6,), (1,)), (100, 24))]
    assert [tensor and tensor.name for tensor in locate_each(views, 1000, False)] == [None, "w"]


@pytest.mark.parametrize(
    "each", [view((7,), (1,)), view((2,), (1,), -1), view((2,), (-1,))], ids=["long", "before", "backwards"]
)
def test_views_stay_in_their_storage(each: View) -> None:
    with pytest.raises(FormatError, match="'a' goes past its storage"):
        located(("a", each))


def test_tied_tensors_have_a_bound_on_their_bytes() -> None:
    most = 256 * 1000 // 24
    found = [(str(index), view((6,), (1,))) for index in range(most + 1)]
    assert len(located(*found[:most])) == most
    with pytest.raises(FormatError, match="much larger than the file"):
        located(*found)


def test_windows_over_a_storage_are_left_to_its_bytes() -> None:
    windows = [(str(index), view((5,), (1,), index % 2), (100, 24)) for index in range(2)]
    many = [(f"{at}{size}", view((size,), (1,), at), (100, 24)) for size in (2, 3, 4, 5) for at in range(2)]
    weight = ("w", view((6,), (1,)), (200, 24))
    assert len(locate_views([*windows, weight], 1000, False)) == 3
    assert [each.name for each in locate_views([*windows, *many, weight], 1000, False)] == ["w"]
    whole = ("whole", view((6,), (1,)), (100, 24))
    assert [each.name for each in locate_views([*many, whole, weight], 1000, False)] == ["whole", "w"]


def test_storages_that_lie_over_each_other_have_a_bound_on_their_bytes() -> None:
    found = [(str(at), view((6,), (1,)), (100 + at, 24)) for at in range(5)]
    with pytest.raises(FormatError, match="much larger than the file"):
        locate_views(found, 24, False)
