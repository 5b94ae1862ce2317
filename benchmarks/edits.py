"""Pairs of a model and itself after a change of rows or elements: grown, permuted, pruned, scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.models import noisy, read_model, written_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.models import Model
    from benchmarks.pairs import Pair

    Edit = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]

#: Only these layers' matrices count.
_LAYERS = ("encoder.layer.0.", "encoder.layer.1.")

#: Targets: of new rows and columns, of permuted ones, of a vocabulary with 700 new rows of 12,000.
_GROWN, _PERMUTED, _REPLACED = 0.06, 0.002, 0.07

#: Rows of a vocabulary, and those of them that are new.
_VOCABULARY, _NEW_ROWS, _INSERTED = 12_000, 700, 100

#: The share of a matrix's elements that reinforcement learning moves by one unit.
_MOVED = 0.01


def edits(base: Path, tuned: Path | None, folder: Path) -> Iterator[Pair]:
    """Pairs of two layers, or the embeddings made of them, and a changed copy.

    Args:
        base: A safetensors checkpoint of BERT's names.
        tuned: A fine-tune of it; `None` to add noise.
        folder: Where the files go.
    """
    import ml_dtypes

    old = {name: array for name, array in read_model(base, _LAYERS).items() if array.ndim == 2}
    half: Model = {name: array.astype(ml_dtypes.bfloat16) for name, array in old.items()}
    words = {"embeddings": _vocabulary(base)}
    tuned_words = {"embeddings": _vocabulary(tuned) if tuned else noisy(words["embeddings"])}
    rows = [
        ("700 rows of 12,000 replaced", words, _edited(words, _replaced), _REPLACED),
        ("700 rows replaced, others tuned", words, _edited(tuned_words, _replaced), 0.47),
        ("100 rows inserted, others tuned", words, _edited(tuned_words, _inserted), 0.43),
        ("384 → 400 columns", old, _edited(old, _widened), _GROWN),
        ("rows permuted", old, _edited(old, _permuted_rows), _PERMUTED),
        ("columns permuted", old, _edited(old, _permuted_columns), _PERMUTED),
        ("50 % pruned by magnitude", old, _edited(old, _pruned(0.5)), 0.03),
        ("90 % pruned by magnitude", old, _edited(old, _pruned(0.9)), 0.015),
        ("90 % pruned at random", old, _edited(old, _dropped(0.9)), 0.015),
        ("scaled by a number", old, _edited(old, lambda array, _: array * array.dtype.type(0.7)), 0.02),
        ("scaled by rows", old, _edited(old, lambda array, rng: array * _factors(array, rng)[:, None]), 0.02),
        ("scaled by columns", old, _edited(old, lambda array, rng: array * _factors(array.T, rng)), 0.02),
        ("1 % of bfloat16 moved by one unit", half, _edited(half, _moved), 0.010),
    ]
    yield from written_pairs(rows, folder, "edit")


def _edited(model: Model, edit: Edit) -> Model:
    import numpy as np

    rng = np.random.default_rng(0)
    return {name: edit(array, rng) for name, array in model.items()}


def _vocabulary(path: Path) -> NDArray[Any]:
    """The first rows of the embeddings of words."""
    (rows,) = read_model(path, ("embeddings.word_embeddings.",)).values()
    return rows[:_VOCABULARY]


def _new_rows(array: NDArray[Any], count: int, rng: np.random.Generator) -> NDArray[Any]:
    return (rng.standard_normal((count, array.shape[1])) * array.std()).astype(array.dtype)


def _replaced(array: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    import numpy as np

    return np.concatenate([_new_rows(array, _NEW_ROWS, rng), array[_NEW_ROWS:]])


def _inserted(array: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    import numpy as np

    places = [len(array) // 2] * _INSERTED
    return np.insert(array, places, _new_rows(array, _INSERTED, rng), axis=0)


def _widened(array: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    import numpy as np

    count = array.shape[1] // 24
    return np.concatenate([array, _new_rows(array.T, count, rng).T], axis=1)


def _permuted_rows(array: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    return array[rng.permutation(len(array))]


def _permuted_columns(array: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    return array[:, rng.permutation(array.shape[1])]


def _pruned(share: float) -> Edit:
    import numpy as np

    def edit(array: NDArray[Any], _: np.random.Generator) -> NDArray[Any]:
        magnitude = np.abs(array)
        return np.where(magnitude < np.quantile(magnitude, share), array.dtype.type(0), array)

    return edit


def _dropped(share: float) -> Edit:
    import numpy as np

    def edit(array: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        return np.where(rng.random(array.shape) < share, array.dtype.type(0), array)

    return edit


def _factors(array: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    return rng.uniform(0.5, 2, len(array)).astype(array.dtype)


def _moved(array: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    import numpy as np

    words = array.view(np.uint16).copy()
    places = np.flatnonzero(rng.random(words.size) < _MOVED)
    words.reshape(-1)[places] += rng.choice(np.array([1, 0xFFFF], np.uint16), len(places))
    return words.view(array.dtype)
