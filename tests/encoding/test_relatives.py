from __future__ import annotations

from git_theta.encoding.candidates import NewParameter
from git_theta.encoding.relatives import relatives
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec

SQUARE = TensorSpec("F32", (64, 64))
TALL = TensorSpec("F32", (192, 64))
DENSE = Source("dense", ObjectRef("0" * 64))


def manifest(**specs: TensorSpec) -> Manifest:
    names = sorted((name.replace("__", "."), spec) for name, spec in specs.items())
    entries = tuple(
        Entry(name, spec, "0" * 64, DENSE) for name, spec in sorted(names, key=lambda it: sort_key(it[0]))
    )
    return Manifest("safetensors", 1, Entry("layout", TensorSpec("U8", (0,)), "f" * 64, DENSE), entries)


def found(wanted: dict[str, TensorSpec], old: Manifest, *matched: str) -> dict[str, list[str]]:
    new = [NewParameter(name, spec) for name, spec in wanted.items()]
    pairs = {name: old.by_name[name] for name in matched}
    return {name: [entry.name for entry in near] for name, near in relatives(new, old, pairs).items()}


def test_the_parts_of_a_layer_are_relatives_of_the_whole() -> None:
    parts = {f"h__{layer}__attn__{part}__weight": SQUARE for layer in (0, 1) for part in "qkv"}
    old = manifest(**parts, h__0__attn__q__bias=TensorSpec("F32", (64,)), h__0__mlp__weight=SQUARE)
    wanted = {"h.0.attn.qkv.weight": TALL, "h.0.mlp.weight": SQUARE}
    assert found(wanted, old, "h.0.mlp.weight") == {
        "h.0.attn.qkv.weight": [f"h.0.attn.{part}" for part in ("k.weight", "q.weight", "v.weight", "q.bias")]
    }


def test_the_whole_is_a_relative_of_its_parts() -> None:
    old = manifest(h__0__attn__qkv__weight=TALL, h__1__attn__qkv__weight=TALL)
    wanted = {"h.0.attn.q.weight": SQUARE}
    assert found(wanted, old) == {"h.0.attn.q.weight": ["h.0.attn.qkv.weight"]}


def test_the_entry_of_the_same_name_comes_first_whatever_its_shape() -> None:
    old = manifest(h__0__w=TensorSpec("F32", (7, 9, 11)), h__0__v=SQUARE)
    assert found({"h.0.w": TALL}, old) == {"h.0.w": ["h.0.w", "h.0.v"]}


def test_parameters_with_counterparts_have_no_relatives_and_are_none() -> None:
    old = manifest(h__0__a=SQUARE, h__0__b=SQUARE)
    assert found({"h.0.a": SQUARE}, old, "h.0.a") == {}
    assert found({"h.0.a": SQUARE, "h.0.c": TALL}, old, "h.0.a") == {"h.0.c": ["h.0.b"]}
    assert found({"h.0.b": SQUARE, "h.0.c": TALL}, old) == {"h.0.b": ["h.0.b", "h.0.a"], "h.0.c": ["h.0.a"]}


def test_relatives_are_no_more_than_is_worth_reading() -> None:
    old = manifest(**{f"h__0__e__{at:02}": SQUARE for at in range(40)})
    assert len(found({"h.0.e": TALL}, old)["h.0.e"]) == 9
    old = manifest(**{f"h__0__e__{at:02}": TALL for at in range(40)})
    assert len(found({"h.0.e": SQUARE}, old)["h.0.e"]) == 3
