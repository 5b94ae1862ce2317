from __future__ import annotations

import numpy as np
import pytest

from git_theta.strategies.angles import Angles, angles, angles_along, arc, karcher_mean, mean_direction
from git_theta.strategies.lazy_array import from_array
from tests.helpers.merging import at_angle


def test_norms_and_cosines() -> None:
    found = angles([from_array(np.array(vector)) for vector in ([3.0, 4.0], [0.0, 2.0], [0.0, 0.0])])
    assert found.norms.tolist() == [5, 2, 0]
    assert found.cosines == pytest.approx(np.array([[1, 0.8, 0], [0.8, 1, 0], [0, 0, 0]]))


@pytest.mark.parametrize(("axis", "norms"), [(-1, [5, 1]), (0, [3, np.sqrt(17)])])
def test_rows_or_columns_have_angles_of_their_own(axis: int, norms: list[float]) -> None:
    matrix = np.array([[3.0, 4.0], [0.0, 1.0]])
    found = angles_along(axis, [matrix, 2 * matrix])
    assert found.norms[0] == pytest.approx(norms)
    assert found.cosines[0, 1] == pytest.approx([1, 1])


def test_an_arc_divides_the_angle_and_a_straight_line_the_chord() -> None:
    one, other = at_angle(0, 1)
    first, second = arc(np.cos(1), False, 0.25)
    assert first * one + second * other == pytest.approx(at_angle(0.25)[0])
    assert arc(np.cos(1), True, 0.25) == (0.75, 0.25)


def test_opposite_vectors_have_no_mean_direction() -> None:
    shares = np.array([0.5, 0.5])
    assert mean_direction(Angles(np.ones(2), np.array([[1.0, -1], [-1, 1]])), shares) is None
    direction = mean_direction(Angles(np.ones(2), np.eye(2)), shares)
    assert direction == pytest.approx([np.sqrt(0.5)] * 2)


def test_the_karcher_mean_of_two_vectors_is_half_way() -> None:
    cosine = np.cos(1.0)
    found = Angles(np.ones(2), np.array([[1, cosine], [cosine, 1]]))
    mean = karcher_mean(found, np.array([0.5, 0.5]), 10, 1e-9)
    one, other = at_angle(0, 1)
    assert mean[0] * one + mean[1] * other == pytest.approx(at_angle(0.5)[0])
