"""Files taken apart: whatever a plugin says, a file can be stored; and the arithmetic of byte ranges."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from git_theta.errors import FormatError
from git_theta.formats import split as split_module
from git_theta.formats.base import Located, Tensor
from git_theta.formats.split import (
    MAX_LITERAL,
    OPAQUE,
    complement,
    covered_by,
    split,
    split_like,
    uncovered,
)
from git_theta.model.layout import Checksum
from git_theta.model.tensor import TensorSpec

BYTES_4 = TensorSpec("U8", (4,))


def fail(_data: memoryview) -> bool:
    raise KeyError("gone")


@dataclass
class Fixed:
    """A format that says what it's told to say, of every file."""

    name: str = "fixed"
    located: Located = field(default_factory=lambda: Located((Tensor("a", BYTES_4, 2),)))
    error: Exception | None = None
    matches: Callable[[memoryview], bool] = lambda _data: True

    def locate(self, data: memoryview) -> Located:
        if self.error:
            raise self.error
        return self.located


DATA = memoryview(b"0123456789")


def test_a_file_is_tensors_and_the_bytes_around_them() -> None:
    found = split(DATA, [Fixed()])
    assert (found.format, found.note, [t.name for t in found.tensors]) == ("fixed", "", ["a"])
    assert [(literal.offset, literal.data) for literal in found.layout.literals] == [(0, b"01"), (6, b"6789")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(FormatError("cut off"), "cut off"), (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero")],
)
def test_a_file_that_its_format_refuses_is_opaque(error: Exception, reason: str) -> None:
    found = split(DATA, [Fixed(error=error), Fixed("other")])
    assert (found.format, found.tensors) == (OPAQUE, ())
    assert found.note == f"looks like fixed but isn't valid ({reason}): kept as an opaque file"


def test_a_format_that_fails_to_match_is_passed_over() -> None:
    assert split(DATA, [Fixed("broken", matches=fail), Fixed()]).format == "fixed"
    found = split(DATA, [Fixed("broken", matches=fail)])
    assert found.format == OPAQUE
    assert found.note == "the format broken fails (KeyError: 'gone'): kept as an opaque file"


@pytest.mark.parametrize(
    "tensors",
    [
        (Tensor("a", BYTES_4, 7),),
        (Tensor("a", BYTES_4, -1),),
        (Tensor("a", BYTES_4, 2, strides=(-1,)),),
        (Tensor("", BYTES_4, 0),),
        (Tensor("a", BYTES_4, 0), Tensor("a", BYTES_4, 4)),
    ],
    ids=["after the end", "before the start", "backwards", "without a name", "one name twice"],
)
def test_tensors_that_cant_be_make_a_file_opaque(tensors: tuple[Tensor, ...]) -> None:
    assert split(DATA, [Fixed(located=Located(tensors))]).format == OPAQUE


@pytest.mark.parametrize("threads", [None, 2])
def test_only_checksums_that_the_file_has_are_computed(threads: int | None) -> None:
    tensor = Tensor("a", BYTES_4, 0)
    right = zlib.crc32(b"abcd").to_bytes(4, "little")
    checksums = (Checksum("crc32", 4, ((0, 4),)), Checksum("crc32", 8, ((0, 4),)))
    plugin = Fixed(located=Located((tensor,), checksums))
    data = memoryview(b"abcd" + right + bytes(4))
    if threads:
        with ThreadPoolExecutor(threads) as pool:
            found = split(data, [plugin], pool)
    else:
        found = split(data, [plugin])
    assert found.layout.checksums == checksums[:1]
    assert [literal.data for literal in found.layout.literals] == [bytes(4)]


def test_checksums_that_cover_the_file_too_often_make_it_opaque() -> None:
    checksums = tuple(Checksum("crc32", 0, ((index % 2, 8),)) for index in range(6))
    found = split(DATA, [Fixed(located=Located((), checksums))])
    assert found.format == OPAQUE
    assert "over 4 times" in found.note


def test_a_file_of_more_tensors_than_a_manifest_may_have_is_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_theta.formats.split.MAX_PARAMETERS", 1)
    tensors = (Tensor("a", BYTES_4, 0), Tensor("b", BYTES_4, 4))
    found = split(DATA, [Fixed(located=Located(tensors))])
    assert found.format == OPAQUE
    assert "more than 1 tensors" in found.note


def test_long_stretches_between_tensors_count_as_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_theta.formats.split.MAX_PARAMETERS", 1)
    monkeypatch.setattr("git_theta.formats.split.MAX_LITERAL", 0)
    found = split(DATA, [Fixed(located=Located((Tensor("a", BYTES_4, 4),)))])
    assert found.format == OPAQUE
    assert found.note == "it has more than 1 tensors and long stretches between them: kept as an opaque file"


def test_a_file_whose_layout_could_not_be_read_again_is_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_theta.model.layout.MAX_PIECES", 2)
    found = split(DATA, [Fixed()])
    assert found.format == OPAQUE
    assert found.note == "its layout has 3 pieces, more than 2: kept as an opaque file"


def crc_of(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def test_a_file_is_taken_apart_as_an_earlier_version_was() -> None:
    plugin = Fixed(located=Located((Tensor("a", BYTES_4, 2),), (Checksum("crc32", 6, ((2, 4),)),)))
    before = split(memoryview(b"01abcd" + crc_of(b"abcd") + b"9"), [plugin])
    specs = {tensor.name: tensor.spec for tensor in before.tensors}
    after = memoryview(b"01wxyz" + crc_of(b"wxyz") + b"9")
    assert split_like(after, "fixed", before.layout, specs) == split(after, [plugin])


@pytest.mark.parametrize(
    "data",
    [b"01abcd9", b"01abcd" + crc_of(b"abcd") + b"8", b"01abcd" + crc_of(b"wxyz") + b"9"],
    ids=["size", "literal", "checksum"],
)
def test_a_file_that_differs_in_more_than_values_is_not_taken_apart_as_before(data: bytes) -> None:
    plugin = Fixed(located=Located((Tensor("a", BYTES_4, 2),), (Checksum("crc32", 6, ((2, 4),)),)))
    before = split(memoryview(b"01abcd" + crc_of(b"abcd") + b"9"), [plugin])
    assert split_like(memoryview(data), "fixed", before.layout, {"a": BYTES_4}) is None
    assert split_like(memoryview(b"01abcd" + crc_of(b"abcd") + b"9"), "fixed", before.layout, {}) is None


def test_long_stretches_become_parameters() -> None:
    data = memoryview(bytes(MAX_LITERAL + 1) + b"abcd")
    found = split(data, [Fixed(located=Located((Tensor(".bytes/0", BYTES_4, MAX_LITERAL + 1),)))])
    assert [(t.name, t.offset, t.spec.nbytes) for t in found.tensors] == [
        (".bytes/0'", 0, MAX_LITERAL + 1),
        (".bytes/0", MAX_LITERAL + 1, 4),
    ]
    assert not found.layout.literals


@pytest.mark.parametrize(
    ("shape", "strides", "covered"),
    [
        ((0,), None, []),
        ((2, 3), None, [(10, 22)]),
        ((2, 3), (2, 4), [(10, 22)]),
        ((2, 2), (8, 2), [(10, 14), (18, 22)]),
        ((3,), (-4,), [(2, 4), (6, 8), (10, 12)]),
        ((1, 2), (100, 2), [(10, 14)]),
        ((70_000,), (4,), []),
    ],
    ids=["empty", "contiguous", "transposed", "rows", "backwards", "one row", "too many runs"],
)
def test_bytes_that_a_tensor_covers(
    shape: tuple[int, ...], strides: tuple[int, ...] | None, covered: list[tuple[int, int]]
) -> None:
    assert sorted(covered_by(Tensor("a", TensorSpec("F16", shape), 10, strides))) == covered


def test_gaps_between_intervals() -> None:
    assert complement([(5, 7), (1, 3), (2, 4)], 9) == [(0, 1), (4, 5), (7, 9)]
    assert complement([], 3) == [(0, 3)]
    assert complement([(0, 3)], 3) == []


def test_very_many_short_gaps_are_too_much_for_a_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_module, "MAX_LITERAL", 5)
    monkeypatch.setattr(split_module, "MAX_LITERALS", 5)
    found = split(DATA, [Fixed()])
    assert found.format == OPAQUE
    assert "too many bytes lie between the tensors" in found.note


def test_a_name_that_no_manifest_may_have_keeps_a_file_opaque() -> None:
    found = split(DATA, [Fixed(located=Located((Tensor("x" * 16_385, BYTES_4, 2),)))])
    assert found.format == OPAQUE
    assert "a tensor's name has more than 16384 characters" in found.note
    assert split(DATA, [Fixed(located=Located((Tensor("x" * 16_384, BYTES_4, 2),)))]).format == "fixed"


def test_runs_of_many_scattered_tensors_are_counted_before_they_are_listed() -> None:
    spec = TensorSpec("U8", (60_000,))
    tensors = tuple(Tensor(str(index), spec, index % 2, (2,)) for index in range(20_000))
    gaps = uncovered(Located(tensors), 120_002)
    assert gaps == [(120_000, 120_002)]
