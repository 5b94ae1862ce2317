from __future__ import annotations

from git_theta.updates.patching.new_bytes import BATCH, DICTIONARY, NewPiece, batches_of, dictionary_of
from git_theta.updates.patching.parts import PatchPart


def batches(*parts: PatchPart, base: int = 1000) -> list[list[NewPiece]]:
    return list(batches_of(parts, base))


def test_new_bytes_replace_those_between_two_parts() -> None:
    parts = PatchPart(5, 100, 50, "U8"), PatchPart(7, 300, 10, "U8"), PatchPart(9, 0, 0, "U8")
    assert batches(*parts) == [[NewPiece(5, 0, 100), NewPiece(7, 150, 300), NewPiece(9, 310, 1000)]]


def test_a_part_from_further_up_leaves_nothing_between() -> None:
    parts = PatchPart(0, 500, 50, "U8"), PatchPart(7, 100, 10, "U8")
    assert batches(*parts) == [[NewPiece(7, 550, 550)]]


def test_batches_are_bounded() -> None:
    found = batches(PatchPart(2 * BATCH + 5, 0, 0, "U8"), base=100)
    assert [sum(piece.size for piece in batch) for batch in found] == [BATCH, BATCH, 5]


def test_a_dictionary_has_the_bytes_around() -> None:
    base = bytes(range(256)) * 100
    assert dictionary_of([NewPiece(1000, 0, len(base))], memoryview(base)) == base
    near = dictionary_of([NewPiece(1, 5000, 5000)], memoryview(base))
    assert near == base[5000 - 64 : 5000 + 64]
    assert (
        dictionary_of([NewPiece(1, 0, 0), NewPiece(1, 25_600, 25_600)], memoryview(base))
        == base[:128] + base[-128:]
    )


def test_a_dictionary_is_bounded() -> None:
    base = memoryview(bytes(DICTIONARY + 1000))
    for batch in ([NewPiece(BATCH, 0, len(base))], [NewPiece(1 << 12, 0, 0)] * 600):
        assert len(dictionary_of(batch, base)) <= DICTIONARY
    assert dictionary_of([NewPiece(5, 0, 0)], memoryview(b"")) == b""
