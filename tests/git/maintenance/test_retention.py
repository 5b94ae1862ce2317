from __future__ import annotations

from git_theta.git.maintenance.reachability import NeededObjects
from git_theta.git.maintenance.retention import Fate, StoredObject, decide_fates
from tests.helpers.needed_objects import needed


def fates(found: NeededObjects, written: float = 0) -> dict[str, Fate]:
    return decide_fates([StoredObject(oid, 1, written, False) for oid in "abcdef"], found, grace=100)


def test_the_first_reason_counts() -> None:
    found = fates(needed(in_use="a", unpushed="ab", recent="abc", pushed="abcd", named="abcde"))
    assert list(found.values()) == [
        Fate.IN_USE,
        Fate.UNPUSHED,
        Fate.RECENT,
        Fate.PUSHED,
        Fate.DROPPED,
        Fate.UNNAMED,
    ]


def test_unnamed_objects_stay_while_they_are_new() -> None:
    assert fates(needed(pushed="a"), written=100) == {"a": Fate.PUSHED} | dict.fromkeys(
        "bcdef", Fate.JUST_WRITTEN
    )
    assert set(fates(needed(), written=99.9).values()) == {Fate.UNNAMED}


def test_without_all_of_history_no_object_is_known_to_be_unnamed() -> None:
    assert set(fates(needed(complete=False)).values()) == {Fate.UNKNOWN}
