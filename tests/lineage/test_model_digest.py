"""Digests of models."""

from __future__ import annotations

from itertools import permutations

from git_theta.lineage.model_digest import model_digest
from git_theta.model.tensor import TensorSpec
from tests.helpers.manifests import A, B, entry

ENTRIES = (entry("a", A), entry("b", B), entry("c", B, spec=TensorSpec("BF16", ())))


def test_order_and_stretches_dont_count() -> None:
    digests = {model_digest(each) for each in permutations((*ENTRIES, entry(".bytes/0", A)))}
    assert len(digests) == 1
    assert digests.pop().startswith("blake3:")


def test_names_dtypes_shapes_and_values_count() -> None:
    others = (
        ENTRIES[1:],
        (entry("x", A), *ENTRIES[1:]),
        (entry("a", B), *ENTRIES[1:]),
        (entry("a", A, spec=TensorSpec("F32", (3, 2))), *ENTRIES[1:]),
        (entry("a", A, spec=TensorSpec("I32", (2, 3))), *ENTRIES[1:]),
    )
    assert len({model_digest(each) for each in (ENTRIES, *others)}) == 6


def test_a_file_of_an_unknown_format_has_its_bytes() -> None:
    assert model_digest([entry(".bytes/0", A)]) != model_digest([entry(".bytes/0", B)])
