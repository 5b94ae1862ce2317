"""The choice of an update: by name, by estimate, and on top of another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from git_theta import updates
from git_theta.encoding import selection
from git_theta.encoding.allowed_updates import may_reshape, parse_update_names
from git_theta.encoding.candidates import BaseCandidate
from git_theta.encoding.choice import EncodingChoice
from git_theta.errors import CorruptError
from git_theta.model.manifest import ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates.base import Base, UnsuitableError
from git_theta.updates.cast import cast_to
from git_theta.updates.ia3 import Ia3
from git_theta.updates.rounding import round_to, widen
from tests.helpers import plugins
from tests.helpers.weights import base_of, input_of, joined, merged, pruned, trained, tuned

SPEC = TensorSpec("F32", (128, 160))
DENSE = Source("dense", ObjectRef("0" * 64))


def candidate(value: bytes, spec: TensorSpec = SPEC, *, at_limit: bool = False) -> BaseCandidate:
    return BaseCandidate(base_of(value, spec), DENSE, at_limit)


def chosen(
    value: bytes, *candidates: BaseCandidate, names: Sequence[str] = updates.AUTO
) -> list[EncodingChoice]:
    return list(selection.choices(memoryview(value), SPEC, candidates, names))


@pytest.mark.parametrize(
    ("changed", "update"),
    [
        (tuned(trained(SPEC), SPEC, 1e-5), "delta"),
        (pruned(trained(SPEC), SPEC, 0.01), "sparse"),
        (merged(trained(SPEC), SPEC, 2), "low-rank"),
        (trained(SPEC, 7), "dense"),
    ],
)
def test_the_cheapest_comes_first_and_dense_last(changed: bytes, update: str) -> None:
    found = chosen(changed, candidate(trained(SPEC)))
    assert found[0].update == update
    assert found[-1].update == "dense"
    assert found[-1].inputs == ()


LARGE = TensorSpec("F32", (2048, 512))
ROWS_OF_A_MIB = 512


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("first", [0, ROWS_OF_A_MIB, 3 * ROWS_OF_A_MIB])
def test_a_replaced_part_of_a_value_costs_that_part(first: int, same: bool) -> None:
    old = trained(LARGE)
    rows = slice(first * 2048, (first + ROWS_OF_A_MIB) * 2048)
    rest = old if same else tuned(old, LARGE, 1e-6)
    new = bytearray(rest)
    new[rows] = trained(LARGE, 7)[rows]
    best, *_ = selection.choices(memoryview(bytes(new)), LARGE, [candidate(old, LARGE)], updates.AUTO)
    assert best.update == "delta"
    assert len(joined(best.payload())) < (0.22 if same else 0.48) * LARGE.nbytes


WASTEFUL = """
class Wasteful:
    name = "wasteful"

    def estimate(self, sample):
        return 0.01

    def encode(self, value, spec, base):
        yield value[: len(value) // 5]
        yield value

    def decode(self, payload, inputs, nbytes):
        yield payload[-nbytes:]
"""


def test_a_payload_longer_than_the_dense_one_is_given_up(tmp_path: Path) -> None:
    plugins.install(tmp_path, "wasteful", {"git_theta.updates:wasteful": "Wasteful"}, WASTEFUL)
    old = trained(SPEC)
    new = tuned(old, SPEC)
    with plugins.importable(tmp_path):
        first, second, _ = chosen(new, candidate(old), names=("wasteful", "delta"))
        assert (first.update, second.update) == ("wasteful", "delta")
        payload = first.payload()
        next(payload)
        with pytest.raises(UnsuitableError):
            list(payload)
        assert joined(second.payload())


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize("of", [(1, 1), (2048, 1), (1, 512)])
def test_scaled_weights_cost_their_factors(dtype: str, of: tuple[int, int]) -> None:
    spec = TensorSpec(dtype, LARGE.shape)
    old = trained(spec)
    factors = np.random.default_rng(0).uniform(0.5, 2, of).astype("f4")
    weights = widen(np.frombuffer(old, f"<u{spec.word_size}"), dtype).reshape(spec.shape)
    new = round_to((weights * factors).reshape(-1), dtype).tobytes()
    best, *_ = selection.choices(memoryview(new), spec, [candidate(old, spec)], updates.AUTO)
    payload = joined(best.payload())
    assert best.update == "ia3"
    assert len(payload) < 0.02 * spec.nbytes
    assert joined(Ia3().decode(memoryview(payload), [input_of(old)], len(new))) == new


def test_only_allowed_updates_are_chosen() -> None:
    found = chosen(merged(trained(SPEC), SPEC, 2), candidate(trained(SPEC)), names=("delta",))
    assert [choice.update for choice in found] == ["delta", "dense"]


def test_a_base_at_the_depth_limit_must_save_half() -> None:
    old = trained(SPEC)
    new = tuned(old, SPEC, 1e-5)
    near, far = candidate(old, at_limit=True), candidate(tuned(old, SPEC, 2e-5, seed=5))
    found = chosen(new, near, far, names=("delta",))
    sizes = [len(joined(choice.payload())) for choice in found[:2]]
    assert sizes[0] > sizes[1]


def test_a_damaged_base_is_passed_over() -> None:
    def read(_nbytes: int) -> Iterator[memoryview]:
        raise CorruptError("damaged")

    broken = BaseCandidate(Base(SPEC, read), DENSE)
    assert [choice.update for choice in chosen(trained(SPEC), broken)] == ["dense"]


def test_the_smallest_values_are_dense_and_their_bases_unread() -> None:
    def candidates() -> Iterator[BaseCandidate]:
        asked.append("candidate")
        yield BaseCandidate(base_of(bytes(spec.nbytes), spec), DENSE)

    asked: list[str] = []
    for elements, updates_tried in ((16, 0), (17, 1)):
        spec = TensorSpec("F32", (elements,))
        value = memoryview(bytes(4 * elements - 1) + b"\1")
        found = list(selection.choices(value, spec, candidates(), updates.AUTO))
        assert found[-1].update == "dense"
        assert len(asked) == updates_tried


def test_an_update_goes_on_top_of_one_that_reshapes() -> None:
    shorter = TensorSpec("F32", (120, 160))
    old = trained(SPEC)
    exact = chosen(old, candidate(old[: shorter.nbytes], shorter))
    assert [(choice.update, choice.inputs) for choice in exact] == [("rows", (DENSE,)), ("dense", ())]
    top, *_ = chosen(tuned(old, SPEC, 1e-5), candidate(old[: shorter.nbytes], shorter))
    (lower,) = top.inputs
    assert (top.update, isinstance(lower, EncodingChoice) and lower.update) == ("delta", "rows")


WIDENED = """
import numpy as np
from git_theta.updates.base import single_input
from git_theta.updates.payload import typed_header, unpack_typed


class Widened:
    name = "widened"

    def accepts(self, spec, base):
        return (spec.dtype, base.dtype) == ("F32", "U16") and spec.shape == base.shape

    def encode(self, value, spec, base):
        yield typed_header(self.name, spec)

    def decode(self, payload, inputs, nbytes):
        unpack_typed(self.name, payload, nbytes)
        words = np.frombuffer(b"".join(single_input(inputs, self.name)(nbytes // 2)), "<u2")
        yield (words.astype("<u4") << 16).data.cast("B")
"""


def test_a_plugin_may_take_bases_of_another_dtype(tmp_path: Path) -> None:
    plugins.install(tmp_path, "widened", {"git_theta.updates:widened": "Widened"}, WIDENED)
    with plugins.importable(tmp_path):
        names = parse_update_names("auto,widened")
        short = TensorSpec("U16", SPEC.shape)
        assert may_reshape(names, SPEC, short)
        value = bytearray(SPEC.nbytes)
        halves = trained(TensorSpec("BF16", SPEC.shape))
        value[2::4], value[3::4] = (halves[start::2] for start in (0, 1))
        assert chosen(bytes(value), candidate(halves, short), names=names)[0].update == "widened"


def test_a_copy_in_another_dtype_is_a_cast_and_what_differs_is_on_top() -> None:
    half = TensorSpec("BF16", SPEC.shape)
    master = trained(SPEC)
    copy = joined(cast_to(base_of(master, SPEC), "BF16").read(half.nbytes))

    def first(value: bytes) -> EncodingChoice:
        found = selection.choices(memoryview(value), half, [candidate(master)], updates.AUTO)
        return next(iter(found))

    assert (first(copy).update, first(copy).inputs) == ("cast", (DENSE,))
    top = first(tuned(copy, half, 1e-4))
    (lower,) = top.inputs
    assert isinstance(lower, EncodingChoice)
    assert (top.update, lower.update, lower.inputs) == ("delta", "cast", (DENSE,))


def test_a_reshaped_value_is_an_update_of_the_base_itself() -> None:
    flat = TensorSpec("F32", (SPEC.count,))
    old = trained(SPEC)
    top, *_ = chosen(tuned(old, SPEC, 1e-5), candidate(old, flat))
    assert (top.update, top.inputs) == ("delta", (DENSE,))


@pytest.mark.parametrize("update", ["rows", "recipe", "quantized", "of-a-missing-plugin"])
def test_payloads_that_cannot_be_made_again(update: str, tmp_path: Path) -> None:
    lost = Source(update, ObjectRef("1" * 64), (DENSE,))
    store = LocalStore(tmp_path)
    assert selection.repeated_choice(memoryview(trained(SPEC)), SPEC, lost, store) is None


@pytest.mark.parametrize("near", [False, True])
def test_rows_in_another_order_are_gathered(near: bool) -> None:
    old = trained(LARGE)
    value = tuned(old, LARGE, 1e-5) if near else old
    rows = np.frombuffer(value, "<u4").reshape(LARGE.shape)
    new = rows[np.random.default_rng(0).permutation(2048)].tobytes()
    best, *_ = selection.choices(memoryview(new), LARGE, [candidate(old, LARGE)], updates.AUTO)
    if near:
        (lower,) = best.inputs
        assert isinstance(lower, EncodingChoice)
        assert (best.update, lower.update) == ("delta", "gather")
    else:
        assert best.update == "gather"
        assert len(joined(best.payload())) < 0.002 * LARGE.nbytes


@pytest.mark.parametrize("shape", [(256, 320), (64, 96, 3, 3)])
def test_inputs_and_outputs_of_a_layer_in_another_order_are_both_gathered(shape: tuple[int, ...]) -> None:
    spec = TensorSpec("F32", shape)
    old = trained(spec)
    rng = np.random.default_rng(0)
    words = np.frombuffer(old, "<u4").reshape(shape)
    new = words[rng.permutation(shape[0])][:, rng.permutation(shape[1])].tobytes()
    best, *_ = selection.choices(memoryview(new), spec, [candidate(old, spec)], updates.AUTO)
    (lower,) = best.inputs
    assert isinstance(lower, EncodingChoice)
    assert (best.update, lower.update, lower.inputs) == ("gather", "gather", (DENSE,))
    assert sum(len(joined(choice.payload())) for choice in (best, lower)) < 0.005 * spec.nbytes


def test_some_slices_may_be_where_they_were() -> None:
    spec = TensorSpec("F32", (8, 128, 320))
    old = trained(spec)
    experts = np.frombuffer(old, "<u4").reshape(spec.shape)
    best, *_ = selection.choices(
        memoryview(experts[[0, 3, 1, 7, 2, 6, 4, 5]].tobytes()), spec, [candidate(old, spec)], updates.AUTO
    )
    assert best.update == "gather"


def test_rows_between_tuned_ones_are_found_though_no_row_is_equal() -> None:
    old = trained(LARGE)
    rows = np.frombuffer(tuned(old, LARGE, 1e-6), "<u4").reshape(LARGE.shape)
    other = np.frombuffer(trained(LARGE, 8), "<u4").reshape(LARGE.shape)
    new = np.insert(rows, [1000] * 48, other[:48], axis=0)
    spec = TensorSpec("F32", new.shape)
    best, *_ = selection.choices(memoryview(new.tobytes()), spec, [candidate(old, LARGE)], updates.AUTO)
    (lower,) = best.inputs
    assert isinstance(lower, EncodingChoice)
    assert lower.update == "gather"
    stored = sum(len(joined(choice.payload())) for choice in (best, lower))
    assert stored < (0.36 + 0.83 * 48 / 2048) * spec.nbytes


def test_of_two_bases_a_delta_is_tried_on_the_nearer_one() -> None:
    large = TensorSpec("F32", (256, 320))
    old = trained(large)
    last = tuned(old, large, 1e-4)
    new = tuned(last, large, 1e-4, seed=5)
    sources = [Source("dense", ObjectRef(digit * 64)) for digit in "01"]
    bases = [
        BaseCandidate(base_of(value, large), source, begins_chain=value is old)
        for value, source in zip((last, old), sources, strict=True)
    ]
    found = list(selection.choices(memoryview(new), large, bases, ("delta", "low-rank")))
    assert [(choice.update, choice.inputs) for choice in found] == [("delta", (sources[0],)), ("dense", ())]
    again = merged(old, large, 2)
    found = list(selection.choices(memoryview(again), large, bases, ("delta", "low-rank")))
    assert (found[0].update, found[0].inputs) == ("low-rank", (sources[1],))


def test_the_first_version_of_a_small_value_is_not_read_where_the_last_is_near() -> None:
    def unread(_nbytes: int) -> Iterator[memoryview]:
        raise AssertionError("the first version is read")

    old = trained(SPEC)
    last = tuned(old, SPEC, 1e-4)
    narrow = TensorSpec("F32", (80, 160))
    cut = [value[: narrow.nbytes] for value in (last, tuned(last, SPEC, 1e-4, seed=5))]
    first = BaseCandidate(Base(narrow, unread), DENSE, begins_chain=True)
    near = candidate(cut[0], narrow)
    best, *_ = selection.choices(memoryview(cut[1]), narrow, [near, first], updates.AUTO)
    assert best.update == "delta"
    far = candidate(trained(SPEC, 9)[: narrow.nbytes], narrow)
    assert [
        choice.update for choice in selection.choices(memoryview(cut[1]), narrow, [far, first], updates.AUTO)
    ] == ["dense"]
