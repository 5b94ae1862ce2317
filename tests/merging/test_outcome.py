from __future__ import annotations

from git_theta.merging.outcome import Conflict, ParameterPlan, Taken, content_key
from git_theta.merging.rules import MergeRule
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from tests.helpers.histories import hexadecimal


def entry(value: str, dtype: str = "F32", update: str = "dense") -> Entry:
    return Entry("w", TensorSpec(dtype, (2,)), hexadecimal(value), Source(update, ObjectRef("0" * 64)))


BASE, OURS, THEIRS = entry("a"), entry("b"), entry("c")
AVERAGE = MergeRule("average")


def test_the_key_is_the_value_and_not_where_it_is_stored() -> None:
    assert content_key(entry("a")) == content_key(entry("a", update="delta"))
    assert content_key(entry("a")) != content_key(entry("b"))
    assert content_key(entry("a")) != content_key(entry("a", "I32"))
    assert content_key(None) is None


def test_changed_sides_differ_from_the_base() -> None:
    assert ParameterPlan("w", BASE, (BASE, OURS, None), AVERAGE).changed == (1, 2)
    assert ParameterPlan("w", None, (None, OURS), AVERAGE).changed == (1,)


def test_inputs_are_the_changed_sides_and_a_base_of_their_type() -> None:
    assert ParameterPlan("w", BASE, (OURS, BASE, THEIRS), AVERAGE).inputs == (OURS, THEIRS, BASE)
    assert ParameterPlan("w", entry("a", "F16"), (OURS, THEIRS), AVERAGE).inputs == (OURS, THEIRS)
    assert ParameterPlan("w", None, (OURS, THEIRS), AVERAGE).inputs == (OURS, THEIRS)
    assert ParameterPlan("w", BASE, (OURS, BASE), Taken(OURS, 0)).inputs == ()


def test_the_likely_entry_has_the_type_of_the_result() -> None:
    assert ParameterPlan("w", BASE, (OURS, BASE), Taken(OURS, 0)).likely == OURS
    assert ParameterPlan("w", BASE, (None, BASE), Taken(None, 0)).likely is None
    assert ParameterPlan("w", BASE, (None, THEIRS), Conflict("w", "removed")).likely == THEIRS
