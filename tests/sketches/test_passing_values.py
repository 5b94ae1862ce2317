from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from git_theta.errors import CorruptError
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec
from git_theta.sketches.archive_content import content_sketch
from git_theta.sketches.passing_values import PassingValues
from git_theta.sketches.sketch import sketch
from tests.helpers.weights import trained

SPEC = TensorSpec("F32", (128, 128))
VALUE = trained(SPEC)
ENTRY = Entry("w", SPEC, digest(VALUE), Source("dense", None))


def pieces(value: bytes) -> Iterator[memoryview]:
    return (memoryview(value)[at : at + 1000] for at in range(0, len(value), 1000))


def test_a_value_passes_unchanged_and_leaves_its_sketch() -> None:
    values = PassingValues()
    assert b"".join(values.watch(ENTRY, pieces(VALUE))) == VALUE
    expected = sketch(memoryview(VALUE), SPEC)
    assert expected is not None
    assert np.array_equal(values.sketches[ENTRY.digest].keys, expected.keys)


def test_a_value_that_is_not_what_it_should_be_leaves_none() -> None:
    def damaged() -> Iterator[memoryview]:
        yield from pieces(VALUE)
        raise CorruptError("another digest")

    values = PassingValues()
    with pytest.raises(CorruptError):
        list(values.watch(ENTRY, damaged()))
    assert values.sketches == {}


def test_small_values_leave_none() -> None:
    values, spec = PassingValues(), TensorSpec("F32", (64, 64))
    entry = Entry("w", spec, "0" * 64, Source("dense", None))
    assert b"".join(values.watch(entry, pieces(VALUE[: spec.nbytes]))) == VALUE[: spec.nbytes]
    assert values.sketches == {}


def test_values_of_bytes_leave_their_content_sketch() -> None:
    values, file = PassingValues(), b"header" + VALUE
    entry = Entry(".bytes/0", TensorSpec("U8", (len(file),)), digest(file), Source("dense", None))
    for _again in range(2):
        assert b"".join(values.watch(entry, pieces(file))) == file
    assert np.array_equal(values.contents[entry.digest].pieces, content_sketch(memoryview(file)).pieces)
    assert values.sketches == {}


def test_archives_leave_none() -> None:
    values, file = PassingValues(), b"PK" + VALUE
    entry = Entry(".bytes/0", TensorSpec("U8", (len(file),)), digest(file), Source("dense", None))
    assert b"".join(values.watch(entry, pieces(file))) == file
    assert values.contents == {}
