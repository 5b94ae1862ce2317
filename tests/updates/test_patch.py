from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs import zstd
from git_theta.codecs.packed import PackedWriter
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.delta import Delta
from git_theta.updates.patch import MEMORY, Patch
from git_theta.updates.patching.new_bytes import BATCH
from git_theta.updates.payload import typed_header
from tests.helpers.weights import base_of, input_of, joined, trained, tuned

SPEC = TensorSpec("F32", (1 << 16,))
OLD = trained(SPEC)
NEW = tuned(OLD, SPEC)


def of_bytes(data: bytes) -> TensorSpec:
    return TensorSpec("U8", (len(data),))


def patched(value: bytes, base: bytes) -> bytes:
    """The payload, once it has given the value again."""
    prepared = Patch().prepare(memoryview(value), of_bytes(value), base_of(base, of_bytes(base)))
    payload = joined(prepared.payload())
    assert joined(prepared.payload()) == payload
    assert joined(Patch().decode(memoryview(payload), [input_of(base)], len(value))) == value
    demand = Patch().demand(lambda: memoryview(payload), 1, len(value))
    assert demand.inputs == (len(base),)
    assert demand.memory <= MEMORY + (1 << 20)
    return payload


def lines(seed: int, count: int) -> Iterator[bytes]:
    """Lines of a model that is a text, as tree ensembles are."""
    random = np.random.default_rng(seed)
    for number in range(count):
        values = " ".join(repr(float(each)) for each in random.standard_normal(30))
        yield f"Tree={number}\nleaf_value={values}\n".encode()


def test_bytes_in_front_cost_themselves() -> None:
    assert len(patched(b"GGUF" + b"h" * 92 + OLD, b"GGUF" + b"h" * 60 + OLD)) < 200


def test_tuned_floats_cost_as_much_as_a_delta_wherever_they_are() -> None:
    delta = len(joined(Delta().encode(memoryview(NEW), SPEC, base_of(OLD, SPEC))))
    value = NEW[:100_001] + b"some name" + NEW[100_001:]
    for new in (NEW, b"x" + NEW, value):
        assert len(patched(new, OLD)) < 1.02 * delta + 500


def test_text_costs_what_changed() -> None:
    old = list(lines(0, 400))
    edited = [line.replace(b"3", b"4") if number % 40 == 7 else line for number, line in enumerate(old)]
    grown = [*old, *lines(1, 20)]
    base = b"".join(old)
    assert len(patched(b"".join(edited), base)) < 0.02 * len(base)
    assert len(patched(b"".join(grown), base)) < 0.05 * len(base)


def test_unrelated_bytes_cost_what_they_cost_alone() -> None:
    noise = np.random.default_rng(0).bytes(1 << 18)
    prepared = Patch().prepare(memoryview(noise), of_bytes(noise), base_of(OLD, of_bytes(OLD)))
    assert 0.99 < prepared.cost < 1.01
    assert len(patched(noise, OLD)) < len(noise) + 500


def test_many_new_bytes_come_in_several_batches() -> None:
    noise = np.random.default_rng(0).bytes(BATCH + 1000)
    patched(noise[:BATCH] + OLD + noise[BATCH:] + OLD[::-1], OLD)


def test_the_cost_is_about_the_size() -> None:
    for value in (NEW[1000:] + b"end", b"new" * 100 + OLD, b"".join(lines(0, 200))):
        prepared = Patch().prepare(memoryview(value), of_bytes(value), base_of(OLD, of_bytes(OLD)))
        assert abs(prepared.cost - len(joined(prepared.payload())) / len(value)) < 0.1


pieces = st.lists(
    st.sampled_from([OLD[:5000], OLD[5000:9000], NEW[:5000], b"text " * 300, b"", b"abc", bytes(3000)])
)


@given(pieces, pieces)
def test_any_bytes_come_back(new: list[bytes], old: list[bytes]) -> None:
    value, base = b"".join(new), b"".join(old)
    if value and base:
        patched(value, base)


def test_only_bytes_in_a_row_are_accepted() -> None:
    row = TensorSpec("U8", (5000,))
    assert Patch().accepts(row, TensorSpec("U8", (1024,)))
    for other in (("I8", (5000,)), ("U8", (50, 100)), ("U8", (1000,)), ("F32", (5000,)), ("U8", ())):
        assert not Patch().accepts(row, TensorSpec(*other))
        assert not Patch().accepts(TensorSpec(*other), row)


@given(st.binary(max_size=200))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(CorruptError):
        list(Patch().decode(memoryview(junk), [input_of(bytes(8))], 8))


def test_every_cut_payload_is_refused() -> None:
    payload = patched(b"new name" + NEW[:9000] + b"end", b"name" + OLD[:9000])
    for size in range(0, len(payload) - 1, 97):
        with pytest.raises(CorruptError):
            list(Patch().decode(memoryview(payload[:size]), [input_of(b"name" + OLD[:9000])], 9011))
    with pytest.raises(CorruptError, match="follow"):
        list(Patch().decode(memoryview(payload + b"x"), [input_of(b"name" + OLD[:9000])], 9011))


@pytest.mark.parametrize("base", [-1, 1 << 60, "9", None, 2.0])
def test_a_base_of_an_impossible_size_is_refused(base: object) -> None:
    payload = typed_header("patch", TensorSpec("U8", (5,)), base=base, parts=0)
    with pytest.raises(CorruptError, match="base"):
        Patch().demand(lambda: memoryview(payload), 1, 5)


def test_an_input_of_another_size_is_refused() -> None:
    payload = patched(NEW, OLD)
    for other in (memoryview(OLD[:-1]), memoryview(OLD + b"x")):
        pieces = [other]
        with pytest.raises(CorruptError, match="another size"):
            list(Patch().decode(memoryview(payload), [partial(_given, pieces)], len(NEW)))


def _given(pieces: list[memoryview], _nbytes: int) -> Iterator[memoryview]:
    return iter(pieces)


def test_a_frame_that_gives_more_bytes_is_refused() -> None:
    frame = zstd.compress_after(memoryview(bytes(5000)), b"")
    assert frame
    header = typed_header("patch", TensorSpec("U8", (9,)), base=0, parts=1)
    numbers = joined(PackedWriter(8, 4, literals=False).frames(np.array([9, 0, 0, 0], np.uint64)))
    payload = header + numbers + b"\1" + bytes([len(frame)]) + frame
    with pytest.raises(CorruptError):
        list(Patch().decode(memoryview(payload), [input_of(b"")], 9))
