"""Bases of another form: found by values, exact, and cheap for files that are stored one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.model.manifest import Manifest, Source
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean, smudge

Model = Mapping[str, NDArray[Any]]

#: Bytes of a payload and a manifest's line that are nothing beside a matrix.
_SMALL = 1500


def weights(*shape: int, seed: int = 0) -> NDArray[Any]:
    return (np.random.default_rng(seed).standard_normal(shape) * 0.05).astype("<f4")


def tuned(array: NDArray[Any]) -> NDArray[Any]:
    noise = np.random.default_rng(5).standard_normal(array.shape) * 1e-4
    return (array.astype("<f4") + noise).astype(array.dtype)


def updates(source: Source) -> list[str]:
    """Names of the updates of the source and of its first inputs, down to the stored value."""
    return [source.update, *(updates(source.inputs[0]) if source.inputs else [])]


def store_after(folder: Path, old: Model, new: Model) -> tuple[int, Manifest]:
    """Store two versions of a file; the bytes of objects that the second added, and its manifest."""
    store = LocalStore(folder / "theta")
    before = clean(store, safetensors_bytes(dict(old)))
    sizes = sum(store.size(oid) or 0 for oid in set(before.oids()))
    data = safetensors_bytes(dict(new))
    after = clean(store, data, before)
    assert smudge(store, after) == data
    return sum(store.size(oid) or 0 for oid in {*before.oids(), *after.oids()}) - sizes, after


Q, K, V = (weights(128, 128, seed=seed) for seed in range(3))
QKV = np.concatenate([Q, K, V])
EXPERTS = [weights(64, 96, seed=seed) for seed in range(8)]
KERNEL = weights(32, 4, 3, 3)
WIDENED = np.zeros((32, 9, 3, 3), "<f4")
WIDENED[:, :4] = KERNEL
PARTS = {"h.0.q.w": Q, "h.0.k.w": K, "h.0.v.w": V}
GROUPED = PARTS | {"h.0.k.w": K[:32], "h.0.v.w": V[:32]}
COLUMNS = {name: part.T for name, part in PARTS.items()}
BIASES = {f"h.0.{part}.b": weights(512, seed=part) for part in range(3)}
BY_HEAD = np.stack([bias.reshape(8, 64) for bias in BIASES.values()], axis=1).reshape(-1)

FORMS: list[tuple[str, Model, Model]] = [
    ("transposed", {"h.0.w": weights(96, 160)}, {"h.0.w": weights(96, 160).T}),
    ("transposed square", {"h.0.w": Q}, {"h.0.w": Q.T}),
    ("permuted kernel", {"h.0.w": KERNEL}, {"h.0.w": KERNEL.transpose(2, 3, 1, 0)}),
    ("transposed and squeezed", {"h.0.w": Q}, {"h.0.w": Q.T[:, :, None, None]}),
    ("fused", PARTS, {"h.0.qkv.w": QKV}),
    ("fused columns", PARTS, {"h.0.c_attn.w": QKV.T}),
    ("fused by head", PARTS, {"h.0.qkv.w": QKV.reshape(3, 4, 32, 128).swapaxes(0, 1).reshape(-1, 128)}),
    (
        "grouped queries",
        PARTS | {"h.0.k.w": K[:32], "h.0.v.w": V[:32]},
        {"h.0.qkv.w": np.concatenate([Q, K[:32], V[:32]])},
    ),
    ("split", {"h.0.qkv.w": QKV}, PARTS),
    ("split columns", {"h.0.c_attn.w": QKV.T}, PARTS),
    ("split columns to columns", {"h.0.c_attn.w": QKV.T}, COLUMNS),
    ("fused columns of columns", COLUMNS, {"h.0.c_attn.w": QKV.T}),
    ("stacked", {f"h.0.e.{at}.w": each for at, each in enumerate(EXPERTS)}, {"h.0.e.w": np.stack(EXPERTS)}),
    ("unstacked", {"h.0.e.w": np.stack(EXPERTS)}, {f"h.0.e.{at}.w": each for at, each in enumerate(EXPERTS)}),
    ("biases", BIASES, {"h.0.qkv.b": np.concatenate(list(BIASES.values()))}),
    ("biases by head", BIASES, {"h.0.qkv.b": BY_HEAD}),
    ("stacked biases", BIASES, {"h.0.qkv.b": np.stack(list(BIASES.values()))}),
    ("rotary rows", {"h.0.q.w": Q}, {"h.0.q.w": Q.reshape(4, 2, 16, 128).swapaxes(1, 2).reshape(128, 128)}),
    ("inputs of zeros", {"in.w": KERNEL}, {"in.w": WIDENED}),
    ("transposed in another dtype", {"h.0.w": Q}, {"h.0.w": Q.T.astype(ml_dtypes.bfloat16)}),
    ("fused in another dtype", PARTS, {"h.0.qkv.w": QKV.astype("<f2")}),
]


@pytest.mark.parametrize(("old", "new"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_a_value_in_another_form_costs_its_line(old: Model, new: Model, tmp_path: Path) -> None:
    cost, manifest = store_after(tmp_path, old, new)
    assert cost < _SMALL * len(new)
    assert all({"arrange", "gather"} & {*updates(entry.source)} for entry in manifest.entries)


@pytest.mark.parametrize(("old", "new"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_tuned_too_it_costs_as_much_as_in_the_old_form(old: Model, new: Model, tmp_path: Path) -> None:
    cost, manifest = store_after(tmp_path, old, {name: tuned(each) for name, each in new.items()})
    same, _ = store_after(tmp_path / "same", old, {name: tuned(each) for name, each in old.items()})
    share = same / sum(each.nbytes for each in old.values())
    assert cost < 1.1 * share * sum(each.nbytes for each in new.values()) + _SMALL * len(new)
    assert all({"arrange", "gather"} & {*updates(entry.source)} for entry in manifest.entries)


def test_one_of_several_parts_may_be_new(tmp_path: Path) -> None:
    old = {name: PARTS[name] for name in ("h.0.q.w", "h.0.k.w")}
    cost, _ = store_after(tmp_path, old, {"h.0.qkv.w": np.concatenate([Q, K, weights(12, 128, seed=9)])})
    assert cost < 0.1 * Q.nbytes + _SMALL


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: {"h.0.w": weights(128, 128, seed=seed)},
        lambda seed: {"h.0.w": weights(64, 160, seed=seed).reshape(*((64, 160) if seed < 50 else (160, 64)))},
        lambda seed: {f"h.0.{seed}.w": weights(128 + seed, 128, seed=seed)},
    ],
    ids=["same shape", "transposed shape", "other name"],
)
def test_strangers_are_stored_whole(make: Callable[[int], Model], tmp_path: Path) -> None:
    _, manifest = store_after(tmp_path, make(40), make(90))
    assert [entry.source.update for entry in manifest.entries] == ["dense"]


def test_a_part_that_is_damaged_is_left_out(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "theta")
    before = clean(store, safetensors_bytes(PARTS))
    for oid in before.oids():
        path = store.path(oid)
        path.chmod(0o644)
        path.write_bytes(bytes(path.stat().st_size))
    data = safetensors_bytes({"h.0.qkv.w": QKV})
    assert smudge(store, clean(store, data, before)) == data
