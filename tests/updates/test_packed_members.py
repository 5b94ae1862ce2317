from __future__ import annotations

import pytest

from git_theta.errors import CorruptError
from git_theta.updates.packed_members import (
    PackedMember,
    check_room,
    pack_members,
    places,
    unpack_members,
)

MEMBERS = [PackedMember(10, 5, 20, 6), PackedMember(0, 7, 300, 9)]


def test_members_come_back_from_a_header() -> None:
    assert unpack_members(pack_members(MEMBERS)) == MEMBERS


def test_places_are_those_in_both_forms() -> None:
    assert list(places(MEMBERS)) == [(10, 10, MEMBERS[0]), (15, 30, MEMBERS[1])]


@pytest.mark.parametrize(
    "numbers", [None, [1], [-1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 10], [1 << 60, 0, 0, 1], [0.0] * 4]
)
def test_made_up_members_are_refused(numbers: object) -> None:
    with pytest.raises(CorruptError):
        unpack_members(numbers)


def test_members_fit_into_their_file() -> None:
    check_room(MEMBERS, 30, 338, packed=True)
    check_room(MEMBERS, 338, 30, packed=False)
    for size, nbytes in ((21, 329), (30, 339), (30, 337)):
        with pytest.raises(CorruptError):
            check_room(MEMBERS, size, nbytes, packed=True)
