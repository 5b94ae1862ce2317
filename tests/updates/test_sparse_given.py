from __future__ import annotations

import numpy as np
import pytest

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.array import Array
from git_theta.updates.sparse_given import every_element, places_and_numbers

SPEC = TensorSpec("F32", (3, 4))


def csr(**parts: list[int] | list[float]) -> dict[str, Array]:
    """A matrix with 1.5 at [0, 1] and -2 at [2, 3]; keyword arguments replace its parts."""
    given: dict[str, list[int] | list[float]] = {
        "data": [1.5, -2.0],
        "indices": [1, 3],
        "indptr": [0, 1, 1, 2],
        "shape": [3, 4],
        **parts,
    }
    tensors = {name: np.array(value, "<f4" if name == "data" else "<i8") for name, value in given.items()}
    return {
        name: Array(
            f"w/{name}",
            TensorSpec("F32" if name == "data" else "I64", value.shape),
            memoryview(value.tobytes()),
        )
        for name, value in tensors.items()
    }


def test_rows_and_columns_become_places() -> None:
    places, numbers = places_and_numbers(csr(), SPEC)
    assert (places.tolist(), numbers.tolist()) == ([1, 11], [1.5, -2.0])


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 3, 2)])
def test_a_number_for_every_element(shape: tuple[int, ...]) -> None:
    spec = TensorSpec("F32", shape)
    numbers = np.arange(float(spec.count))
    places, found = places_and_numbers(every_element(numbers, "bias", spec), spec)
    assert places.tolist() == list(range(spec.count))
    assert np.array_equal(found, numbers)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"shape": [4, 3]}, r"'w/shape' in the update data is \[4, 3\]; the parameter is \[3, 4\]"),
        ({"indptr": [0, 1, 2]}, "'w/indptr' in the update data doesn't fit"),
        ({"indptr": [0, 2, 1, 2]}, "doesn't fit"),
        ({"indptr": [1, 1, 1, 2]}, "doesn't fit"),
        ({"data": [1.0]}, "doesn't fit"),
        ({"indices": [1, 4]}, "'w/indices' in the update data has a column outside"),
        ({"indices": [-1, 3]}, "column outside"),
        ({"data": [1.0, float("nan")]}, "NaN or infinite"),
    ],
)
def test_matrices_that_do_not_fit(parts: dict[str, list[int]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        places_and_numbers(csr(**parts), SPEC)
