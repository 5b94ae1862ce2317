from __future__ import annotations

import pytest

from git_theta.errors import CorruptError
from git_theta.model.layout import Checksum, Layout, Literal, Placement
from git_theta.model.placed import any_overlap, check_complete, place_parameters, sharing_names, without_tied
from tests.helpers.manifests import B, entry, manifest

#: Two parameters of 24 bytes.
TWO = manifest(entry("a"), entry("b"))


def layout(a: Placement, b: Placement, size: int = 48, *checksums: Checksum) -> Layout:
    return Layout(size, (a, b), (), checksums)


def test_parameters_side_by_side() -> None:
    found = place_parameters(TWO, layout(Placement("b", 24), Placement("a", 0)))
    assert [(one.entry.name, one.extent) for one in found] == [("b", (24, 48)), ("a", (0, 24))]
    assert not any_overlap(found)
    assert without_tied(found) == found
    assert sharing_names(found) == set()


@pytest.mark.parametrize("offset", [0, 12, 20])
def test_the_names_of_parameters_that_share_bytes(offset: int) -> None:
    found = place_parameters(TWO, layout(Placement("a", 0), Placement("b", offset)))
    assert sharing_names(found) == {"a", "b"}


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (Placement("a", 0), Placement("c", 24), "don't belong together"),
        (Placement("a", 0), Placement("a", 24), "don't belong together"),
        (Placement("a", 0), Placement("b", 25), "'b' doesn't fit"),
        (Placement("a", 0, (-12, 4)), Placement("b", 24), "'a' doesn't fit"),
        (Placement("a", 0, (4,)), Placement("b", 24), "the shape of parameter 'a'"),
    ],
)
def test_places_that_make_no_sense(a: Placement, b: Placement, message: str) -> None:
    with pytest.raises(CorruptError, match=message):
        place_parameters(TWO, layout(a, b))


def test_tied_parameters_are_one() -> None:
    tied = layout(Placement("a", 0), Placement("b", 0), 24)
    placed = place_parameters(TWO, tied)
    assert any_overlap(placed)
    assert [one.entry.name for one in without_tied(placed)] == ["a"]
    with pytest.raises(CorruptError, match="'a' and 'b' are tied, and their values differ"):
        without_tied(place_parameters(manifest(entry("a"), entry("b", B)), tied))


def test_parameters_that_share_some_bytes_overlap() -> None:
    placed = place_parameters(TWO, layout(Placement("a", 0), Placement("b", 20)))
    assert without_tied(placed) == placed
    assert any_overlap(placed)


def test_every_byte_comes_from_somewhere() -> None:
    places = Placement("a", 0), Placement("b", 24)
    check_complete(TWO, layout(*places))
    with pytest.raises(CorruptError, match="gaps"):
        check_complete(TWO, layout(*places, 49))
    check_complete(TWO, Layout(50, places, (Literal(48, b"xy"),), ()))
    check_complete(TWO, layout(*places, 52, Checksum("crc32", 48, ((0, 48),))))
    with pytest.raises(CorruptError, match="checksum outside"):
        check_complete(TWO, layout(*places, 52, Checksum("crc32", 50, ((0, 48),))))
