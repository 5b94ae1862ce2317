"""Merges of checkpoints that PyTorch writes and must load again."""

from __future__ import annotations

import collections
import copy
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_theta.errors import ThetaError
from tests.helpers.composing import merged, opened

torch = pytest.importorskip("torch")

BOTH = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def saved(value: object, *, zipped: bool = True, protocol: int = 2) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    return file.getvalue()


def loaded(data: bytes, tmp_path: Path | None = None) -> Any:
    value = torch.load(io.BytesIO(data), weights_only=True)
    if tmp_path:
        path = tmp_path / "merged.pt"
        path.write_bytes(data)
        assert same(torch.load(path, weights_only=True, mmap=True), value)
    return value


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def training() -> dict[str, Any]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    scheduler.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "epoch": 3,
        "loss": 0.25,
        "best": None,
        "done": False,
        "name": "rn-18 é",
        "large": -(1 << 70),
        "tags": {"a", "b"},
        "size": torch.Size([3, 4]),
        "blob": b"\x00\xff",
        "history": [0.5, 0.25],
        7: ("x", 1),
    }


@BOTH
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [2, 4])
def test_both_sides_add_and_one_changes(zipped: bool, protocol: int, tmp_path: Path) -> None:
    base = training()
    ours, theirs = copy.deepcopy(base), copy.deepcopy(base)
    ours["model"]["0.added"] = torch.randn(2, 2)
    ours["loss"] = 0.125
    theirs["model"]["new.weight"] = torch.randn(3).bfloat16()
    theirs["epoch"] = 4
    theirs["optimizer"]["param_groups"][0]["lr"] = 5e-4
    theirs["extra"] = {"nested": [1, {"deep": True}]}
    del theirs["best"]
    files = [saved(value, zipped=zipped, protocol=protocol) for value in (base, ours, theirs)]
    data, made = merged(*files)
    assert made.conflicts == ()
    found = loaded(data, tmp_path if zipped else None)
    expected = copy.deepcopy(ours)
    expected["model"]["new.weight"] = theirs["model"]["new.weight"]
    expected["optimizer"]["param_groups"][0]["lr"] = 5e-4
    expected |= {"epoch": 4, "extra": theirs["extra"]}
    del expected["best"]
    assert same(found, expected)
    assert list(found["model"]) == list(expected["model"])
    assert found["model"]._metadata == base["model"]._metadata


def test_a_merged_file_is_what_torch_writes() -> None:
    data = saved({"a": torch.ones(3), "b": {"c": 1, "d": torch.zeros(0), "e": "x"}, "f": [1.5]})
    found, _ = merged(data, data, data)
    assert len(found) == len(data)
    assert loaded(found)["f"] == [1.5]


def test_offsets_are_those_that_pytorch_computes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from torch.utils.serialization import config

    base = {"a": torch.ones(3)}
    data, _ = merged(saved(base), saved(base | {"b": torch.zeros(0)}), saved(base | {"c": torch.ones(700)}))
    path = tmp_path / "merged.pt"
    path.write_bytes(data)
    monkeypatch.setenv("TORCH_SERIALIZATION_DEBUG", "1")
    with config.patch("load.calculate_storage_offsets", True):
        assert same(torch.load(path, mmap=True, weights_only=True)["c"], torch.ones(700))


@BOTH
def test_conflicts_are_named_and_can_be_decided(zipped: bool) -> None:
    base = {"w": torch.ones(2), "run": {"lr": 0.1, "epoch": 1, "gone": 1}}
    ours = {"w": torch.ones(2), "run": {"lr": 0.2, "epoch": 2, "gone": 2}}
    theirs = {"w": torch.ones(2), "run": {"lr": 0.3, "epoch": 2}}
    files = [saved(value, zipped=zipped) for value in (base, ours, theirs)]
    data, made = merged(*files)
    assert made.conflicts == ("run/lr", "run/gone")
    assert loaded(data)["run"] == ours["run"]
    data, made = merged(*files, prefer={"run/lr": 1, "run/gone": 1}.get)
    assert made.conflicts == ()
    assert loaded(data)["run"] == {"lr": 0.3, "epoch": 2}


@BOTH
def test_tied_weights_stay_tied(zipped: bool) -> None:
    tied = torch.randn(4, 3)
    base = {"embed": tied, "head": tied, "other": torch.ones(1)}
    more = torch.ones(2)
    theirs = {**base, "head": tied, "x": more, "y": more, "third": tied}
    files = [saved(value, zipped=zipped) for value in (base, base, theirs)]
    found = loaded(merged(*files)[0])
    for a, b in (("embed", "head"), ("embed", "third"), ("x", "y")):
        assert found[a].data_ptr() == found[b].data_ptr()
    assert found["other"].data_ptr() != found["x"].data_ptr()


def test_weights_that_one_side_unties() -> None:
    tied = torch.randn(4, 3)
    base = {"embed": tied, "head": tied}
    theirs = {"embed": tied.clone(), "head": tied + 1}
    found = loaded(merged(saved(base), saved(base | {"n": 1}), saved(theirs))[0])
    assert same(found, theirs | {"n": 1})


def test_views_parameters_and_expanded_tensors(tmp_path: Path) -> None:
    whole = torch.randn(6, 8)
    base = {
        "t": torch.randn(3, 4).t(),
        "rows": whole[1:3],
        "columns": whole[:, ::2],
        "parameter": torch.nn.Parameter(torch.randn(2), requires_grad=False),
        "expanded": torch.tensor([1.5]).expand(3, 1000),
        "scalar": torch.tensor(3),
        "i8": torch.arange(5, dtype=torch.int8),
    }
    ours = {**base, "ours": torch.ones(1)}
    theirs = {**base, "i8": torch.arange(9).to(torch.int8), "expanded": torch.tensor([2.5]).expand(3, 1000)}
    found = loaded(merged(*map(saved, (base, ours, theirs)))[0], tmp_path)
    assert same(found, {**theirs, "ours": ours["ours"]})
    assert isinstance(found["parameter"], torch.nn.Parameter)
    assert not found["parameter"].requires_grad
    assert found["t"].stride() == (1, 4)
    assert found["expanded"].stride() == (0, 0)


def test_large_bytes_beside_tensors_become_stretches() -> None:
    base = {"w": torch.ones(2), "text": "a" * (1 << 20), "big": torch.zeros(1 << 19)[:2]}
    theirs = {**base, "epoch": 2}
    data, made = merged(saved(base), saved({**base, "x": torch.ones(1)}), saved(theirs))
    assert len(made.stretches) == 2
    assert same(loaded(data), {**base, "x": torch.ones(1), "epoch": 2})


def test_removed_and_renamed_parameters() -> None:
    base = {f"layer{i}": {"w": torch.randn(3), "b": torch.randn(1), "n": i} for i in range(4)}
    ours = {key: value for key, value in base.items() if key != "layer1"}
    theirs = {("head" if key == "layer3" else key): value for key, value in base.items()}
    found = loaded(merged(*map(saved, (base, ours, theirs)))[0])
    assert list(found) == ["layer0", "layer2", "head"]


def test_shared_containers_stay_shared() -> None:
    def state(**more: object) -> dict[str, Any]:
        shared = {"w": torch.ones(2), "n": 1, **more}
        return {"a": shared, "b": shared}

    found = loaded(merged(saved(state()), saved(state(x=1)), saved(state(y=2)))[0])
    assert found["a"] is found["b"]
    assert found["a"]["x"] == 1
    assert found["a"]["y"] == 2


def test_trees_that_contain_themselves() -> None:
    def state(**more: object) -> dict[str, Any]:
        parent: dict[str, Any] = {"w": torch.ones(1), **more}
        loop: list[Any] = [parent]
        loop.append((loop, parent))
        return parent | {"child": {"parent": parent, "n": 1}, "loop": loop}

    data, _ = merged(saved(state()), saved(state(x=1)), saved(state(y=2)))
    found = torch.load(io.BytesIO(data), weights_only=False)
    parent = found["child"]["parent"]
    assert (parent["x"], parent["y"]) == (1, 2)
    assert found["loop"][0] is parent
    assert found["loop"][1][0] is found["loop"]


def test_pickled_modules() -> None:
    base = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    ours, theirs = copy.deepcopy(base), copy.deepcopy(base)
    ours.append(torch.nn.Linear(2, 1))
    theirs.note = "new"
    data, _ = merged(*map(saved, (base, ours, theirs)))
    found = torch.load(io.BytesIO(data), weights_only=False)
    assert found.note == "new"
    assert same(dict(found.state_dict()), dict(ours.state_dict()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_files_that_cant_be_merged() -> None:
    scripted = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), scripted)
    data = scripted.getvalue()
    with pytest.raises(ThetaError, match="TorchScript"):
        merged(data, data, data)
    deep: list[Any] = [torch.ones(1)]
    for _ in range(300):
        deep = [deep]
    with pytest.raises(ThetaError, match="too deep"):
        merged(saved(deep), saved(deep), saved(deep))
    two, three = [torch.ones(1), torch.ones(2)], [torch.ones(1), torch.ones(2), torch.ones(3)]
    with pytest.raises(ThetaError, match="no place"):
        merged(saved([torch.ones(1)]), saved(two), saved(three), values=opened(saved(three)).values)
    with pytest.raises(ThetaError, match="no side"):
        merged(None, saved(two), saved(two), values=opened(saved([torch.ones(1), torch.ones(3)])).values)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3), st.just("T")
)
KEYS = st.one_of(st.sampled_from("abcdef"), st.integers(0, 3))
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


def grown(tree: Any) -> Any:
    if isinstance(tree, dict):
        return collections.OrderedDict((key, grown(value)) for key, value in tree.items())
    return torch.arange(3.0) if tree == "T" else tree


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=5), st.data())
def test_disjoint_edits_are_merged(base: dict[Any, Any], data: st.DataObject) -> None:
    ours, theirs, expected = ({**base, "w": "T"} for _ in range(3))
    for index, key in enumerate(list(base)):
        side = data.draw(st.sampled_from([None, ours, theirs]), label=f"side of {index}")
        if side is None:
            continue
        if data.draw(st.booleans()):
            del side[key], expected[key]
        else:
            side[key] = expected[key] = data.draw(TREES)
    for number, side in enumerate((ours, theirs)):
        side[f"new{number}"] = expected[f"new{number}"] = data.draw(TREES)
    files = [saved(grown(tree)) for tree in ({**base, "w": "T"}, ours, theirs)]
    found, made = merged(*files)
    assert made.conflicts == ()
    assert same(loaded(found), grown(expected))
