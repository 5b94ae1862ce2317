"""Names in the merge of tensors at the same and at different places."""

from __future__ import annotations

from git_theta.formats.pytorch.tensor_places import TensorPlaces


def test_tensors_at_one_place_have_the_name_of_the_first_version() -> None:
    places = TensorPlaces()
    for version, name in enumerate(("layers/0", "layers/1")):
        places.put(places.place("layers", "same content"), version, name)
    assert places.names({0: ["layers/0"], 1: ["layers/1"]}) == {
        0: {"layers/0": "layers/0"},
        1: {"layers/1": "layers/0"},
    }
    assert places.names({1: ["layers/1"], 0: ["layers/0"]})[0] == {"layers/0": "layers/1"}


def test_tensors_of_one_name_at_different_places_get_numbers() -> None:
    places = TensorPlaces()
    for version in (0, 1):
        places.put(places.place("layers", version), version, "layers/0")
    names = places.names({0: ["layers/0"], 1: ["layers/0"]})
    assert names[0] == {"layers/0": "layers/0"}
    assert names[1]["layers/0"].startswith("layers/0#")


def test_tensors_without_a_place_correspond_by_name_and_hidden_ones_have_none() -> None:
    places = TensorPlaces()
    places.hide(1, ["b"])
    assert places.names({0: ["a", "b"], 1: ["a", "b"]}) == {0: {"a": "a", "b": "b"}, 1: {"a": "a"}}
