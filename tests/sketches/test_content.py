from __future__ import annotations

import numpy as np
import pytest

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.content import ContentSketch, ContentTaker, has_content_sketch, shared_share
from tests.helpers.weights import trained, tuned

SPEC = TensorSpec("F32", (1 << 16,))
FLOATS = trained(SPEC)
LINES = [f"leaf_value={value!r}\n" for value in np.random.default_rng(0).standard_normal(9000).tolist()]
TEXT = "".join(LINES).encode()


def made(data: bytes, size: int = 1 << 30) -> ContentSketch:
    taker = ContentTaker(len(data))
    for start in range(0, len(data), size):
        taker.take(memoryview(data)[start : start + size])
    return taker.sketch()


@pytest.mark.parametrize("data", [FLOATS, TEXT, bytes(5000), b"7" * 5000, FLOATS[:4097]])
def test_the_pieces_of_the_bytes_that_pass_do_not_matter(data: bytes) -> None:
    whole, split = made(data), made(data, 1000)
    assert np.array_equal(whole.pieces, split.pieces)
    assert np.array_equal(whole.upper, split.upper)


def test_a_copy_that_moved_has_the_same_pieces() -> None:
    assert shared_share(made(b"x" * 77 + FLOATS), made(FLOATS))[0] > 0.95
    assert shared_share(made(b"x" * 77 + TEXT), made(TEXT))[0] > 0.9


def test_an_edited_text_has_most_of_them() -> None:
    edited = "".join(line.replace("1", "2") if n % 90 == 7 else line for n, line in enumerate(LINES)).encode()
    assert 0.8 < shared_share(made(edited), made(TEXT))[0] <= 1
    # Half of a text is all in it; of the whole one, half is in that.
    half = made(TEXT[: len(TEXT) // 2])
    assert shared_share(half, made(TEXT))[0] == 1
    assert 0.2 < shared_share(made(TEXT), half)[0] < 0.8


def test_tuned_floats_have_their_upper_bytes_in_common() -> None:
    child = made(b"x" * 77 + tuned(FLOATS, SPEC, 1e-5))
    pieces, upper = shared_share(child, made(FLOATS))
    assert pieces < 0.3
    assert upper > 0.7
    assert shared_share(child, made(trained(SPEC, seed=1))) == (0, 0)


def test_a_large_value_and_its_beginning_have_pieces_in_common() -> None:
    large = FLOATS + trained(TensorSpec("F32", (1 << 19,)), seed=1)
    assert shared_share(made(FLOATS), made(large))[0] > 0.8
    assert 0 < shared_share(made(large), made(FLOATS))[0] < 0.4


def test_bytes_that_repeat_say_nothing() -> None:
    assert shared_share(made(bytes(9999)), made(bytes(9999))) == (0, 0)


def test_bytes_in_a_row_have_a_content_sketch() -> None:
    assert has_content_sketch(TensorSpec("U8", (4096,)))
    assert not has_content_sketch(TensorSpec("U8", (4095,)))
    assert not has_content_sketch(TensorSpec("U8", (64, 64)))
    assert not has_content_sketch(TensorSpec("F32", (4096,)))
