from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.merging.dtype_choice import DtypeChoice, choose_dtypes, dtype_notes
from git_theta.merging.purpose import Purpose
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.manifest import Manifest
from tests.helpers.small_manifests import manifest


def version(**values: str) -> Manifest:
    """A version, by name → dtype and text of the value."""
    made = {name: (value, value.split()[0], (2,)) for name, value in values.items()}
    return manifest(**made)


BASE = version(a="F32 0", b="F32 0", c="F32 0")
OURS = version(a="F32 1", b="F32 0", c="F32 0")
HALF = version(a="BF16 2", b="BF16 0", c="F32 0")
PICK = MergeRules(purpose=Purpose.PICK)


def asked(dtype: str, *parameters: str) -> MergeRules:
    return MergeRules((MergeRule("", dtype=dtype, parameters=parameters or ("*",)),))


def test_a_model_gets_the_wider_dtype() -> None:
    found = choose_dtypes(BASE, [OURS, HALF], MergeRules())
    assert found == {name: DtypeChoice("F32", "F32", mixed=True) for name in "ab"}
    assert dtype_notes(found) == (
        "2 parameters have another dtype on some side: merged as F32 (--dtype chooses)",
    )


def test_the_dtype_of_the_only_change_is_part_of_it() -> None:
    assert choose_dtypes(BASE, [BASE, HALF], MergeRules()) == {}
    ours = version(a="F32 0", b="F32 0", c="F32 1")
    theirs = version(a="BF16 0", b="F32 0", c="F32 2")
    assert choose_dtypes(BASE, [ours, theirs], MergeRules()) == {}


def test_equal_dtypes_of_sides_are_compared_with_the_base() -> None:
    sides = [version(a="BF16 1"), version(a="BF16 2")]
    found = choose_dtypes(version(a="F32 0"), sides, MergeRules())
    assert found == {"a": DtypeChoice("BF16", "BF16", mixed=False)}
    assert dtype_notes(found) == ()


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        ("F32", "BF16", "F32", "BF16"),
        ("F32", "F32", "BF16", "BF16"),
        ("BF16", "F32", "BF16", "F32"),
        ("F32", "BF16", "F16", "F32"),
    ],
)
def test_a_pick_changes_the_dtype_only_if_that_is_the_change(
    base: str, ours: str, theirs: str, result: str
) -> None:
    before, *sides = (version(a=f"{dtype} {i}") for i, dtype in enumerate((base, ours, theirs)))
    (found,) = choose_dtypes(before, sides, PICK).values()
    assert found.result == result


@pytest.mark.parametrize(
    ("dtype", "result"), [("widest", "F32"), ("ours", "F32"), ("theirs", "BF16"), ("F16", "F16")]
)
def test_a_rule_chooses(dtype: str, result: str) -> None:
    found = choose_dtypes(BASE, [OURS, HALF], asked(dtype))
    assert {name: choice.result for name, choice in found.items()} == {
        "a": result,
        "b": result,
        **({"c": "F16"} if dtype == "F16" else {}),
    }
    assert all(choice.common == "F32" for choice in found.values())
    found = choose_dtypes(BASE, [OURS, HALF], asked(dtype, "a"))
    assert [found["a"].result, found["b"].result] == [result, "F32"]


def test_theirs_is_one_side() -> None:
    with pytest.raises(UsageError, match="there are several others"):
        choose_dtypes(BASE, [OURS, HALF, HALF], asked("theirs"))


def test_whole_numbers_have_no_choice() -> None:
    sides = [version(a="I32 1"), version(a="I64 2")]
    assert choose_dtypes(version(a="I64 0"), sides, asked("BF16")) == {}
