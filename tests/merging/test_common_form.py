from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from git_theta.merging.common_form import CommonForm, VersionValues, in_common_form
from git_theta.merging.outcome import ParameterPlan, Taken, content_key
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest
from git_theta.updates.base import Pieces
from tests.helpers.small_manifests import manifest

#: Digest → bytes, of all values of these tests.
KINDS = {"F32": "f4", "F16": "f2"}


def version(values: dict[str, bytes], name: str, *numbers: float, dtype: str = "F32") -> Manifest:
    """A version with one matrix, whose rows are of equal numbers."""
    data = np.repeat(np.array(numbers, KINDS[dtype])[:, None], 2, axis=1).tobytes()
    made = manifest(**{name: (digest(data), dtype, (len(numbers), 2))})
    entry = Entry(name, made.entries[0].spec, digest(data), made.entries[0].source)
    values[entry.digest] = data
    return Manifest(made.format, made.size, made.layout, (entry,))


def formed(
    values: dict[str, bytes], base: Manifest, *sides: Manifest, rules: MergeRules | None = None
) -> tuple[CommonForm, list[Entry]]:
    """The common form, and the entries that were read."""
    prepared: list[Entry] = []

    def read(entry: Entry) -> Pieces:
        assert entry in prepared
        return iter((memoryview(values[entry.digest]),))

    def prepare(entries: Sequence[Entry]) -> None:
        prepared.extend(entries)

    return in_common_form(base, sides, rules or MergeRules(), VersionValues(read, prepare)), prepared


def test_versions_of_one_form_are_not_read() -> None:
    values: dict[str, bytes] = {}
    versions = [version(values, "w", number) for number in (1.0, 2.0, 3.0)]
    found, read = formed(values, *versions)
    assert (found.base, *found.sides) == tuple(versions)
    assert not found.values
    assert not read


def test_a_side_that_was_only_cast_is_as_the_base() -> None:
    values: dict[str, bytes] = {}
    base, theirs = version(values, "w", 1 / 3, 2), version(values, "w", 1 / 3, 4)
    ours = version(values, "w", 1 / 3, 2, dtype="F16")
    found, _ = formed(values, base, ours, theirs)
    assert found.base == found.sides[0] == base
    assert found.sides[1] == theirs
    assert not found.values


@pytest.mark.parametrize("dtype", ["F32", "F16"])
def test_rows_and_dtypes_together(dtype: str) -> None:
    values: dict[str, bytes] = {}
    name = "lm_head.weight"
    base, theirs = version(values, name, 1, 2), version(values, name, 1, 5)
    ours = version(values, name, 1, 2, 9, dtype="F16")
    rules = MergeRules((MergeRule("", dtype=dtype),))
    found, _ = formed(values, base, ours, theirs, rules=rules)
    before, first, second = (each.entries[0] for each in (found.base, *found.sides) if each)
    assert content_key(before) == content_key(first)
    assert before.spec.shape == second.spec.shape == (3, 2)
    data = b"".join(map(bytes, found.values.reader(second, lambda _entry: iter(()))()))
    assert np.frombuffer(data, "f4").reshape(3, 2)[:, 0].tolist() == [1, 5, 9]
    assert found.values.origins([second])[0] == theirs.entries[0]
    (plan,) = found.with_dtypes([ParameterPlan(name, before, (first, second), Taken(second, 1))])
    assert plan.spec
    assert plan.spec.dtype == dtype
    assert len(found.notes) == 2
