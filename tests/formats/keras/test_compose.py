"""Merges of Keras archives: dates and addresses differ always, other changes must be one side's."""

from __future__ import annotations

import json

import pytest

from git_theta.formats.base import ComposeError
from tests.helpers.composing import merged
from tests.helpers.keras_files import CONFIG, METADATA, WEIGHTS, keras_bytes, members


def changed(name: str, **more: object) -> bytes:
    """An archive one of whose kernels has other values, saved at another time by another process."""
    weights = members()[WEIGHTS]
    at = weights.index(KERNELS[name])
    new = bytes(len(KERNELS[name]))
    metadata = {"date_saved": f"2026-01-01@00:00:0{len(name) % 10}"}
    config = {"shared_object_id": hash(name)} | more
    return keras_bytes(config, metadata, weights[:at] + new + weights[at + len(new) :])


def _kernels() -> dict[str, bytes]:
    from tests.helpers.composing import opened

    values = opened(keras_bytes()).values
    return {"a": values["layers/dense/vars/0"][1], "bb": values["layers/dense_1/vars/0"][1]}


KERNELS = _kernels()
BASE = keras_bytes({"shared_object_id": 1})


def test_values_that_both_sides_changed() -> None:
    data, found = merged(BASE, changed("a"), changed("bb"))
    assert not found.conflicts
    parts = members(data)
    assert all(kernel not in parts[WEIGHTS] for kernel in KERNELS.values())
    assert parts[METADATA] == members(changed("a"))[METADATA]


def test_a_setting_that_one_side_changed() -> None:
    for sides in ((changed("a", rate=2), changed("bb")), (changed("bb"), changed("a", rate=2))):
        data, found = merged(BASE, *sides)
        assert not found.conflicts
        assert json.loads(members(data)[CONFIG])["rate"] == 2
        assert all(kernel not in members(data)[WEIGHTS] for kernel in KERNELS.values())


def test_settings_that_both_sides_changed() -> None:
    base = keras_bytes({"rate": 1, "steps": 1})
    _, found = merged(base, changed("a", rate=2, steps=1), changed("bb", rate=3, steps=1))
    assert found.conflicts == ("config.json/rate",)
    data, found = merged(
        base, changed("a", rate=2, steps=1), changed("bb", rate=3, steps=1), prefer=lambda _name: 1
    )
    assert not found.conflicts
    assert json.loads(members(data)[CONFIG])["rate"] == 3
    with pytest.raises(ComposeError, match=r"can't be joined.*config\.json/"):
        merged(base, changed("a", rate=2, steps=1), changed("bb", rate=1, steps=2))


def test_assets_are_compared() -> None:
    side = keras_bytes({"shared_object_id": 1}, more={"assets/words.txt": b"a"})
    data, _ = merged(BASE, changed("a"), side, values=None)
    assert members(data)["assets/words.txt"] == b"a"
