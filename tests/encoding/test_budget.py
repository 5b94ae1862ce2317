"""The budget: values that would take years, or all memory, are refused before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_theta.encoding import budget, decode
from git_theta.encoding.budget import (
    Weight,
    affordable_threads,
    can_be_extended,
    check_value,
    check_values,
    is_affordable,
    total_weight,
    weigh,
)
from git_theta.encoding.decode import decode_source, read_value
from git_theta.errors import CorruptError, ExcessError, ThetaError
from git_theta.limits import WORK_PER_STORED_BYTE, Limits
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates.base import Pieces
from git_theta.updates.bundle import MAX_BUNDLE
from git_theta.updates.payload import pack_header
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.hostile import (
    full_rank,
    hostile_sources,
    index,
    last_row,
    scattered,
    stored,
    sum_of,
    unchanged,
    zeros,
)
from tests.helpers.storing import clean, smudge
from tests.helpers.weights import joined

#: Small enough that random values are on both sides.
LIMITS = Limits(work=8 << 20, memory=8 << 20)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def entry(source: Source, *shape: int) -> Entry:
    return Entry("w", TensorSpec("F32", shape), "0" * 64, source)


def refuse_to_decode(source: Source, store: LocalStore, nbytes: int) -> Pieces:
    raise AssertionError(f"{source.update} of {nbytes} bytes is decoded")


def test_a_small_value_of_a_huge_base(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_decode", refuse_to_decode)
    source = last_row(store, 1 << 50, index(store))
    with pytest.raises(ExcessError, match=r"'w': decoding takes [0-9,]{20,} steps") as caught:
        joined(read_value(entry(source, 1), store))
    assert "git config theta.maxWork " in caught.value.hint


def test_a_recipe_of_very_many_inputs(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_decode", refuse_to_decode)
    source = sum_of(store, *[zeros(store, 1 << 20)] * 2000)
    with pytest.raises(ExcessError, match="bytes of memory") as caught:
        joined(read_value(entry(source, 1 << 18), store))
    assert "git config theta.maxMemory" in caught.value.hint


def test_a_recipe_of_very_many_steps(store: LocalStore) -> None:
    steps: list[list[object]] = [["index"], *(["sqrt", place] for place in range(9_999))]
    source = stored(store, "recipe", pack_header({"update": "recipe", "dtype": "F32", "program": steps}))
    check_value(source, 4096, store)
    with pytest.raises(ExcessError, match="steps"):
        check_value(source, 16 << 20, store)


def test_an_input_that_is_read_for_each_window_counts_each_time(store: LocalStore) -> None:
    windows = 16
    value, base = windows << 25, index(store)
    once = weigh(scattered(store, 1 << 25, value, base), 1 << 25, store)
    often = weigh(scattered(store, value, value, base), value, store)
    alone = weigh(base, value, store)
    assert often.work - once.work >= (windows - 1) * alone.work
    with pytest.raises(ExcessError, match="steps"):
        check_value(scattered(store, value, value, often_read(store, value)), value, store)


def often_read(store: LocalStore, nbytes: int) -> Source:
    """A value that goes through another one sixteen times."""
    return scattered(store, nbytes, nbytes, index(store))


def test_inputs_that_are_read_in_turn_take_the_memory_of_one(store: LocalStore) -> None:
    size = 4 << 20
    one = weigh(scattered(store, size, size, zeros(store, size)), size, store)
    many = weigh(scattered(store, size, size, *[zeros(store, size)] * 60), size, store)
    assert many.memory < one.memory + (1 << 20)
    assert many.work > 30 * one.work


def test_a_rank_as_large_as_the_matrix(store: LocalStore) -> None:
    side = 12_000
    source = full_rank(store, side, side, index(store))
    with pytest.raises(ExcessError, match="steps"):
        check_value(source, 4 * side * side, store)
    check_value(full_rank(store, 64, 64, index(store)), 4 * 64 * 64, store)


def test_rank_4096_of_weights_that_are_stored(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    side = 4096
    source = full_rank(store, side, side, index(store))
    weight = weigh(source, 4 * side * side, store)
    # Weights and factors in BF16 take two thirds of their size.
    monkeypatch.setattr(LocalStore, "size", lambda _store, _oid: side * side * 2 * 2 // 3)
    budget.check_weight(weight, [ref.oid for ref in source.payloads()], store)


def test_a_row_that_is_the_whole_value(store: LocalStore) -> None:
    header = {
        "update": "ia3", "dtype": "F32", "shape": [1, 1 << 28], "vector": ["F32", 1, 1 << 28],
        "codec": "planes", "size": 0, "residual": False,
    }  # fmt: skip
    with pytest.raises(ExcessError, match="memory"):
        check_value(stored(store, "ia3", pack_header(header), index(store)), 1 << 30, store)


def test_a_chain_and_a_tree_of_a_large_value(store: LocalStore) -> None:
    nbytes = 64 << 20
    chain = index(store)
    for _ in range(60):
        chain = unchanged(store, nbytes, chain)
    with pytest.raises(ExcessError, match="steps"):
        check_value(chain, nbytes, store)
    tree = index(store)
    for _ in range(7):
        tree = sum_of(store, tree, tree)
    with pytest.raises(ExcessError, match="the limit"):
        check_value(tree, nbytes, store)


def test_many_values_together(store: LocalStore) -> None:
    value = index(store)
    one = entry(value, 256 << 20)
    check_values([one], store)
    with pytest.raises(ExcessError, match="steps"):
        check_values([one] * 20, store)
    tiny = entry(unchanged(store, 4, value), 1)
    check_values([tiny] * 1000, store)
    with pytest.raises(ExcessError, match="steps"):
        check_values([tiny] * 200_000, store)


def test_a_bundle_counts_once_for_all_values_in_it(store: LocalStore) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"w{n}": rng.standard_normal(50 + n % 3).astype("f4") for n in range(300)}
    first = clean(store, safetensors_bytes(arrays))
    second = clean(store, safetensors_bytes({k: v * np.float32(1.0001) for k, v in arrays.items()}), first)
    entries = [entry for entry in second.entries if entry.source.place is not None]
    assert {entry.source.depth for entry in entries} == {2}
    bundles = {one.payload for entry in entries for one in entry.source.sources()}
    alone = [weigh(entry.source, entry.spec.nbytes, store) for entry in entries]
    work = sum(weight.work - 2 * MAX_BUNDLE for weight in alone)
    for times in (1, 2, 3):
        assert total_weight(entries * times, store).work == times * work + len(bundles) * MAX_BUNDLE
    assert 2 * MAX_BUNDLE < total_weight(entries, store).memory <= max(weight.memory for weight in alone)


def test_stored_bytes_pay_for_work(store: LocalStore) -> None:
    small = LocalStore(store.root, limits=Limits(work=0))
    oid = store.put([bytes(1000)])
    budget.check_weight(Weight(1000 * WORK_PER_STORED_BYTE, 0), [oid, oid], small)
    with pytest.raises(ExcessError, match="1,000 stored bytes"):
        budget.check_weight(Weight(1000 * WORK_PER_STORED_BYTE + 1, 0), [oid, oid], small)


def test_a_size_that_a_manifest_claims_does_not_pay(store: LocalStore) -> None:
    source = Source("recipe", replace(index(store).payload or ObjectRef(""), size=1 << 60))
    with pytest.raises(ExcessError):
        check_value(source, 64 << 30, store)


def test_settings_allow_more(store: LocalStore) -> None:
    source = last_row(store, 1 << 34, index(store))
    with pytest.raises(ExcessError):
        check_value(source, 4, store)
    check_value(source, 4, LocalStore(store.root, limits=Limits(work=1 << 40)))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_hostile_values_are_refused_or_take_what_they_are_said_to(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        store = LocalStore(Path(folder), limits=LIMITS)
        nbytes = data.draw(st.sampled_from([4, 4096, 1 << 16, 1 << 21]))
        source = data.draw(hostile_sources(store, nbytes))
        decoded = [0]
        original = decode._decode

        def counted(source: Source, store: LocalStore, nbytes: int) -> Iterator[memoryview]:
            for piece in original(source, store, nbytes):
                decoded[0] += len(piece)
                yield piece

        patched.setattr(decode, "_decode", counted)
        try:
            weight = weigh(source, nbytes, store)
            joined(decode_source(source, nbytes, store))
        except ExcessError:
            assert decoded[0] == 0
        except CorruptError:
            assert decoded[0] <= LIMITS.work + WORK_PER_STORED_BYTE * _stored(source, store)
        else:
            assert decoded[0] <= weight.work


def _stored(source: Source, store: LocalStore) -> int:
    return sum(store.size(oid) or 0 for oid in {ref.oid for ref in source.payloads()})


def test_a_plugin_that_does_not_tell_is_checked_where_it_asks(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asking:
        name = "asking"

        def decode(self, _payload: memoryview | None, inputs: list[decode.Input], _nbytes: int) -> Pieces:
            return inputs[0](1 << 50)

    monkeypatch.setitem(decode.updates.registry()._loaded, "asking", Asking())
    with pytest.raises(ExcessError):
        joined(decode_source(Source("asking", None, (index(store),)), 4, store))


def test_threads_share_the_memory_of_one_value(store: LocalStore) -> None:
    limit = store.limits.memory
    assert [affordable_threads(8, memory, store) for memory in (0, limit // 4, limit, 2 * limit)] == [
        8,
        4,
        1,
        1,
    ]


def test_writers_stay_within_the_limits(store: LocalStore) -> None:
    value = zeros(store, 1 << 20)
    assert can_be_extended(value, 1 << 20, store)
    small = LocalStore(store.root, limits=Limits(work=4 << 20))
    assert not can_be_extended(unchanged(store, 64 << 20, index(store)), 64 << 20, small)
    assert not can_be_extended(Source("recipe", ObjectRef("f" * 64), (value,)), 7, store)
    steps = pack_header({"update": "recipe", "dtype": "F32", "program": [["input", 0]]})
    assert is_affordable("recipe", steps, [value], 1 << 20, store)
    assert not is_affordable("recipe", steps, [value], 1 << 40, store)
    assert not is_affordable("recipe", b"junk", [value], 4, store)


def test_a_file_that_could_not_be_checked_out_is_refused(store: LocalStore) -> None:
    data = safetensors_bytes({"w": np.zeros(1 << 20, "f4")})
    assert smudge(store, clean(store, data)) == data
    small = LocalStore(store.root, limits=Limits(work=1 << 10))
    with pytest.raises(ThetaError, match="couldn't be checked out again") as caught:
        clean(small, safetensors_bytes({"w": np.zeros(1 << 25, "f4")}))
    assert "theta.maxWork" in caught.value.hint


def test_reading_a_long_program_counts_for_each_of_many_empty_values(store: LocalStore) -> None:
    steps: list[list[object]] = [["index"], *(["sqrt", place] for place in range(9_999))]
    source = stored(store, "recipe", pack_header({"update": "recipe", "dtype": "F32", "program": steps}))
    check_values([entry(source, 0)] * 10, store)
    with pytest.raises(ExcessError, match="steps"):
        check_values([entry(source, 0)] * 1000, store)
