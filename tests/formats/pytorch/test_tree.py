"""Names of tensors in a tree of nodes."""

from __future__ import annotations

from typing import Any

import pytest

from git_theta.errors import FormatError
from git_theta.formats.pickle import tree
from git_theta.formats.pickle.nodes import Dict, Global, Object, PersistentId
from git_theta.formats.pytorch.tree import named_views


def storage(key: str = "0") -> PersistentId:
    return PersistentId(("storage", Global("torch", "FloatStorage"), key, "cpu", 4))


def tensor() -> Object:
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    return Object(
        rebuild, (storage(), 0, (2, 2), (2, 1), False, Object(Global("collections", "OrderedDict"), ()))
    )


def names(root: Any) -> list[str]:
    return [name for name, _ in named_views(root)]


def test_keys_and_positions_are_joined() -> None:
    assert names(Dict([("model", Dict([("w", tensor())])), ("steps", [1, tensor()])])) == [
        "model/w",
        "steps/1",
    ]


def test_a_tensor_without_a_key() -> None:
    assert names(tensor()) == ["tensor"]


def test_parameters_of_modules_are_named_as_in_a_state_dict() -> None:
    weight = Object(Global("torch._utils", "_rebuild_parameter"), (tensor(), True, None))
    linear = Object(Global("torch.nn", "Linear"), (), Dict([("_parameters", Dict([("weight", weight)]))]))
    model = Object(Global("torch.nn", "Sequential"), (), Dict([("_modules", Dict([("0", linear)]))]))
    assert names(model) == ["0/weight"]


def test_one_tensor_under_two_keys_has_two_names() -> None:
    shared = tensor()
    assert names(Dict([("a", shared), ("b", shared)])) == ["a", "b"]


def test_a_container_that_contains_itself_ends() -> None:
    loop: list[Any] = [tensor()]
    loop.append(loop)
    assert names(loop) == ["0"]


def test_a_tree_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "_MAX_EDGES", 5)
    with pytest.raises(FormatError, match="more than 5 objects"):
        names(list(range(9)))
