"""The handwritten digits in the package, and variations of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[np.float32]
    Labels: TypeAlias = npt.NDArray[np.int64]

_HELD_OUT = 0.2


@dataclass(frozen=True, slots=True)
class Digits:
    """Images of shape (n, 64) with float32 values in 0..1, and integer labels 0..9 of shape (n,)."""

    images: Array
    labels: Labels


def load_digits(seed: int = 0) -> tuple[Digits, Digits]:
    """The data set, shuffled, as a training part (four fifths) and a held-out part."""
    import numpy as np

    with np.load(Path(__file__).parent / "digits" / "digits.npz", allow_pickle=False) as data:
        images = data["images"].reshape(-1, 64).astype(np.float32) / np.float32(16)
        labels = data["labels"].astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(labels))
    held_out, training = np.split(order, [int(_HELD_OUT * len(labels))])
    return Digits(images[training], labels[training]), Digits(images[held_out], labels[held_out])


def with_labels(digits: Digits, labels: Sequence[int]) -> Digits:
    """The digits that have one of these labels."""
    import numpy as np

    chosen = np.isin(digits.labels, labels)
    return Digits(digits.images[chosen], digits.labels[chosen])


def shifted(digits: Digits) -> Digits:
    """The same digits, one pixel further right; the column that enters on the left is empty."""
    import numpy as np

    images = np.zeros_like(digits.images).reshape(-1, 8, 8)
    images[:, :, 1:] = digits.images.reshape(-1, 8, 8)[:, :, :-1]
    return Digits(images.reshape(-1, 64), digits.labels)


def concatenated(first: Digits, second: Digits) -> Digits:
    """The images of two sets."""
    import numpy as np

    return Digits(
        np.concatenate([first.images, second.images]),
        np.concatenate([first.labels, second.labels]),
    )
