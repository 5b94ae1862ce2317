from __future__ import annotations

from git_theta.encoding.candidates import NewParameter, byte_overlap, match_parameters, usable_bases
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec
from git_theta.updates.cast import Cast
from git_theta.updates.rows import Rows

SQUARE = TensorSpec("F32", (8, 8))
VECTOR = TensorSpec("F32", (8,))
DENSE = Source("dense", ObjectRef("0" * 64))


def manifest(**specs: TensorSpec) -> Manifest:
    names = sorted((name.replace("__", "."), spec) for name, spec in specs.items())
    entries = tuple(
        Entry(name, spec, f"{number:064x}", DENSE)
        for number, (name, spec) in enumerate(sorted(names, key=lambda pair: sort_key(pair[0])))
    )
    return Manifest("safetensors", 1, Entry("layout", TensorSpec("U8", (0,)), "f" * 64, DENSE), entries)


def matched(wanted: dict[str, TensorSpec], old: Manifest) -> dict[str, str]:
    found = match_parameters([NewParameter(name, spec) for name, spec in wanted.items()], old, Rows().accepts)
    return {name: entry.name for name, entry in found.items()}


def test_the_same_name_counts_first() -> None:
    old = manifest(a__weight=SQUARE, b__weight=SQUARE)
    assert matched({"b.weight": SQUARE, "a.weight": SQUARE}, old) == {
        "a.weight": "a.weight",
        "b.weight": "b.weight",
    }


def test_a_prefix_is_seen_through() -> None:
    old = manifest(a__0__weight=SQUARE, a__1__weight=SQUARE, a__0__bias=VECTOR)
    wanted = {
        "model/module.a.1.weight": SQUARE,
        "model/module.a.0.weight": SQUARE,
        "model/module.a.0.bias": VECTOR,
    }
    assert matched(wanted, old) == {name: name.removeprefix("model/module.") for name in wanted}


def test_a_strong_likeness_goes_first() -> None:
    old = manifest(x__1__weight=SQUARE, y__1__weight=SQUARE)
    assert matched({"z.weight": SQUARE, "p.y.1.weight": SQUARE}, old) == {
        "p.y.1.weight": "y.1.weight",
        "z.weight": "x.1.weight",
    }


def test_another_shape_is_no_base_but_for_the_number_of_rows() -> None:
    old = manifest(a=SQUARE, b=VECTOR, c=SQUARE, d=SQUARE)
    wanted = {
        "a": TensorSpec("F32", (10, 8)),
        "b": TensorSpec("F32", (9,)),
        "c": TensorSpec("F32", (8, 9)),
        "d": TensorSpec("BF16", (8, 8)),
    }
    assert matched(wanted, old) == {"a": "a"}


def test_equal_elements_in_another_shape_will_do() -> None:
    old = manifest(a=SQUARE, b=SQUARE)
    assert matched({"a": TensorSpec("F32", (8, 2, 4)), "c": TensorSpec("F32", (64,))}, old) == {"a": "a"}


def test_a_renamed_parameter_of_another_dtype_comes_after_those_of_its_own() -> None:
    def accepts(spec: TensorSpec, base: TensorSpec) -> bool:
        return Cast().accepts(spec, base)

    half = TensorSpec("BF16", (8, 8))
    old = manifest(a__w=SQUARE, b__w=half, c__w=TensorSpec("I32", (8, 8)))
    wanted = [NewParameter("x.b.w", SQUARE), NewParameter("x.a.w", half), NewParameter("x.c.w", half)]
    found = match_parameters(wanted, old, accepts)
    assert {name: entry.name for name, entry in found.items()} == {"x.b.w": "a.w", "x.a.w": "b.w"}


def test_a_root_has_the_dtype_and_shape_of_the_value() -> None:
    cast = Source("cast", ObjectRef("1" * 64), (DENSE,))
    tuned = Source("delta", ObjectRef("2" * 64), (cast,))
    assert usable_bases(tuned, 1000, 2, lambda _oid: 10) == [(tuned, True), (cast, True)]


def test_overlap_is_a_share_of_bytes() -> None:
    old = manifest(a=SQUARE, b=VECTOR)
    assert byte_overlap([NewParameter("x", SQUARE), NewParameter("y", VECTOR)], old) == 1
    assert byte_overlap([NewParameter("x", SQUARE), NewParameter("y", SQUARE)], old) == 0.5
    assert byte_overlap([NewParameter("x", TensorSpec("BF16", (8, 8)))], old) == 1
    assert byte_overlap([], old) == 0


def chain(depth: int) -> Source:
    source = DENSE
    for number in range(1, depth):
        source = Source("delta", ObjectRef(f"{number:064x}"), (source,))
    return source


def test_chains_are_bounded_by_depth() -> None:
    def found(depth: int, most: int) -> list[tuple[int, bool]]:
        return [
            (source.depth, deep) for source, deep in usable_bases(chain(depth), 1000, most, lambda _oid: 10)
        ]

    assert found(1, 1) == []
    assert found(1, 2) == [(1, False)]
    assert found(2, 2) == [(2, True), (1, False)]
    assert found(2, 3) == [(2, False), (1, False)]
    assert found(5, 2) == [(5, True), (1, False)]
    assert found(20, 2) == [(5, True), (1, False)]


def test_chains_are_bounded_by_bytes() -> None:
    heavy = usable_bases(chain(4), 1000, 12, lambda _oid: 900)
    assert [source.depth for source, _ in heavy] == [2, 1]
    assert [source.depth for source, _ in usable_bases(chain(4), 1000, 12, lambda _oid: 100)] == [4, 1]
