from __future__ import annotations

import numpy as np

from git_theta.updates.patching.anchors import common_anchors, find_anchors

NOISE = np.frombuffer(np.random.default_rng(0).bytes(1 << 20), np.uint8)


def test_anchors_are_about_as_dense_as_wanted() -> None:
    found = find_anchors(NOISE, 256, 32)
    assert len(NOISE) / 512 < len(found.positions) < len(NOISE) / 128
    assert (np.diff(found.positions) > 0).all()


def test_equal_bytes_have_equal_anchors_wherever_they_are() -> None:
    moved = np.concatenate([np.zeros(13, np.uint8), NOISE[500:]])
    places, others = common_anchors(find_anchors(moved, 64, 32), find_anchors(NOISE, 64, 32))
    assert len(places) > len(NOISE) / 128
    assert set((others - places).tolist()) == {500 - 13}


def test_anchors_across_the_borders_of_chunks_are_found() -> None:
    whole = find_anchors(NOISE, 32, 16).positions
    window = (1 << 18) - 100
    part = find_anchors(NOISE[window : window + 300], 32, 16).positions + window
    assert len(part)
    assert set(part.tolist()) <= set(whole.tolist())


def test_bytes_that_repeat_have_no_anchors() -> None:
    for repeated in (b"\0" * 5000, b"\xff" * 5000, b"abcdefgh" * 700, b"ab" * 3000):
        assert not len(find_anchors(np.frombuffer(repeated, np.uint8), 32, 32).positions)


def test_few_bytes_have_no_anchors() -> None:
    none = find_anchors(NOISE[:10], 1 << 5, 32)
    assert not len(none.positions)
    assert not len(common_anchors(find_anchors(NOISE, 32, 32), none)[0])
