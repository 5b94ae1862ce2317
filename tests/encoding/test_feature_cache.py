from __future__ import annotations

import numpy as np
import pytest

from git_theta.encoding import feature_cache
from git_theta.encoding.feature_cache import FeatureCache
from git_theta.encoding.lines import Lines
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Pieces


def test_features_are_computed_once_while_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def read(nbytes: int) -> Pieces:
        asked.append(nbytes)
        yield memoryview(np.arange(nbytes // 4, dtype="<f4").tobytes())

    lines = Lines(Base(TensorSpec("F32", (10, 8)), read), 8)
    columns = Lines(Base(TensorSpec("F32", (10, 8)), read), 10, are_columns=True)
    cache = FeatureCache()
    first = cache.features("a", lines)
    assert (cache.features("a", lines) == first).all()
    assert len(asked) == 1
    assert cache.features("a", columns).shape == (8, 10)
    assert len(asked) == 2
    monkeypatch.setattr(feature_cache, "_MOST", first.nbytes)
    cache.features("b", lines)
    cache.features("b", lines)
    assert len(asked) == 3
    cache.features("a", lines)
    assert len(asked) == 4
