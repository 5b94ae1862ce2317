"""Bands of layers."""

from __future__ import annotations

from git_theta.lineage.drawing.bands import MAX_CROSSING, band_starts


def test_short_chains_are_one_band() -> None:
    assert band_starts(4, 1000, 80, [0, 1, 1, 1]) == [0]
    assert band_starts(1, 200, 80, [0]) == [0]


def test_long_chains_are_several_bands_of_one_length() -> None:
    assert band_starts(30, 8000, 80, [0, *[1] * 29]) == [0, 6, 12, 18, 24]


def test_high_layers_are_one_band() -> None:
    assert band_starts(10, 2600, 2000, [0, *[1] * 9]) == [0]


def test_bands_end_where_few_edges_are() -> None:
    crossing = [0, *[MAX_CROSSING + 1] * 9]
    assert band_starts(10, 2600, 80, crossing) == [0]
    crossing[6] = 2
    assert band_starts(10, 2600, 80, crossing) == [0, 6]
