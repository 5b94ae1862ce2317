from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.mergetool.items import Overview, escaped, overview
from git_theta.merging.outcome import Conflict
from tests.helpers.mergetool_backend import Backend, layers


def found(backend: Backend) -> Overview:
    return overview(backend.plan(()))


def test_layers_are_one_item() -> None:
    items = found(Backend(layers(12), layers(12, 1), layers(12, 2))).items
    assert [(item.number, str(item)) for item in items] == [
        (1, "layer.{0-11}.bias x12"),
        (2, "layer.{0-11}.weight x12"),
    ]
    assert items[0].globs == ("layer.*.bias",)
    assert items[0].names[:3] == ("layer.0.bias", "layer.1.bias", "layer.2.bias")


def test_a_pattern_never_matches_more_than_its_item() -> None:
    base, ours, theirs = layers(3), layers(3, 1), layers(3, 2)
    for arrays in (base, ours, theirs):
        # Another shape in the middle makes another item of the same names.
        arrays["layer.1.weight"] = np.full(2, arrays["layer.1.weight"].flat[0], "f4")
    made = found(Backend(base, ours, theirs))
    for item in made.items:
        matched = {name for name in made.names if any(fnmatchcase(name, glob) for glob in item.globs)}
        assert matched == set(item.names)
    assert len(made.items) == 3


def test_what_one_side_changed_is_no_item() -> None:
    base = layers(2)
    ours = {**base, "layer.0.bias": base["layer.0.bias"] + np.float32(1)}
    theirs = {**base, "layer.0.weight": base["layer.0.weight"] + np.float32(1)}
    made = found(Backend(base, ours, theirs))
    assert made.items == ()
    assert made.one_sided == ((("layer.0.bias", 1),), (("layer.0.weight", 1),))


def test_targets_of_choices() -> None:
    made = found(Backend(layers(3), layers(3, 1), layers(3, 2), (Conflict("meta/epoch", "differs"),)))
    assert made.globs("all") == ("*",)
    assert made.globs("1") == ("layer.*.bias",)
    assert made.globs("1-3") == ("layer.*.bias", "layer.*.weight", "meta/epoch")
    assert made.globs("layer.{0-2}.bias") == ("layer.*.bias",)
    assert made.globs("layer.{0-2}.bias x3") == ("layer.*.bias",)
    assert made.globs("layer.[01].bias") == ("layer.[01].bias",)
    assert made.globs("layer.0.bias") == ("layer.0.bias",)
    assert made.description(("*",)) == "6 parameters and 1 other value"
    assert made.description(("layer.*.bias",)) == "layer.{0-2}.bias x3"
    for word in ("0", "4", "2-1", "nothing.*", "1,", ""):
        with pytest.raises(UsageError):
            made.globs(word)
    assert made.find("meta/epoch").number == 3
    assert made.find("layer.1.bias").number == 1
    with pytest.raises(UsageError):
        made.find("x")


def test_conflicts_that_appear_later_get_the_next_numbers() -> None:
    made = found(Backend(layers(1), layers(1, 1), layers(1, 2)))
    later = made.with_conflicts([Conflict("x", "differs"), Conflict("layer.0.bias", "known")])
    assert [str(item) for item in later.items] == ["layer.0.bias", "layer.0.weight", "x"]


@given(st.text(min_size=1), st.text())
def test_an_escaped_name_matches_only_itself(name: str, other: str) -> None:
    assert fnmatchcase(name, escaped(name))
    assert fnmatchcase(other, escaped(name)) == (name == other)
