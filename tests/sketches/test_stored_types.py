from __future__ import annotations

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.stored_types import StoredTypes, have_same_elements

F32, BF16 = TensorSpec("F32", (64, 128)), TensorSpec("BF16", (64, 128))
FLAT, TURNED, FUSED = TensorSpec("F32", (8192,)), TensorSpec("F32", (128, 64)), TensorSpec("F32", (192, 128))
INTEGERS, SMALL = TensorSpec("I32", (64, 128)), TensorSpec("F32", (4, 4))


def test_types_are_found_by_what_they_may_have_in_common() -> None:
    types = StoredTypes({F32: 3, INTEGERS: 1, FUSED: 1, SMALL: 9})
    assert types.same_elements(F32) == [F32]
    assert types.other_forms(F32) == (FUSED,)
    for spec in (BF16, FLAT, TURNED):
        types.add(spec, 1)
    assert types.same_elements(F32) == [F32, BF16, FLAT, TURNED]
    assert types.other_forms(F32) == (FUSED, TURNED)
    assert StoredTypes({F32: 3, FUSED: 1, TURNED: 1}).other_forms(F32) == (FUSED, TURNED)
    types.add(F32, 2)
    assert (types.size(F32), types.size(FLAT), types.size(SMALL)) == (5, 1, 0)


def test_complex_numbers_have_two_elements_each() -> None:
    assert have_same_elements(TensorSpec("C64", (64, 64)), TensorSpec("C128", (64, 64)))
    assert not have_same_elements(TensorSpec("C64", (64, 64)), TensorSpec("F32", (64, 64)))
