"""Sums of products of factors, as factors again: nothing of the size of a product is ever made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix as the product `weight * up @ down`.

    Attributes:
        up: The left factor, outputs by rank.
        down: The right factor, rank by inputs.
        weight: The factor before the product.
    """

    up: Matrix
    down: Matrix
    weight: float = 1.0


def concatenated(products: Sequence[Product]) -> Product:
    """The sum as factors whose rank is the sum of ranks. It's exact but for the rounding of the weights."""
    up = np.concatenate([each.weight * each.up for each in products], axis=1)
    return Product(up, np.concatenate([each.down for each in products]))


def nearest(products: Sequence[Product], rank: int) -> tuple[Product, float]:
    """The factors of some rank whose product is nearest to a sum of products, and the share that they keep.

    By QR of the concatenated factors and the SVD of a square matrix of the sum of the ranks. Both factors
    have the same scale, and the largest element of each column of `up` is positive. The share is the ratio of
    the products' Frobenius norms.

    Args:
        products: At least one.
        rank: The rank of the result.
    """
    whole = concatenated(products)
    left, above = np.linalg.qr(whole.up)
    right, beside = np.linalg.qr(whole.down.T)
    u, sizes, v = np.linalg.svd(above @ beside.T)
    count = min(rank, len(sizes))
    total = float(np.linalg.norm(sizes))
    kept = float(np.linalg.norm(sizes[:count])) / total if total else 1.0
    roots = np.sqrt(sizes[:count])
    columns, rows = left @ u[:, :count], v[:count] @ right.T
    signs = np.where(columns[np.abs(columns).argmax(axis=0), np.arange(count)] < 0, -1.0, 1.0)
    up = np.zeros((len(whole.up), rank))
    down = np.zeros((rank, whole.down.shape[1]))
    up[:, :count] = columns * (signs * roots)
    # A row that isn't used stays one that training can go on with: zero on both sides would have no gradient.
    down[:count] = rows * (signs * np.where(roots > 0, roots, 1.0))[:, None]
    return Product(up, down), kept
