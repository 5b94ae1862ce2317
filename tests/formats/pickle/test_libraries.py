"""Models of libraries: the values are those that the library reads."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest

from git_theta import formats
from git_theta.formats.pickle.array_file import locate_arrays
from git_theta.formats.split import OPAQUE, split
from tests.helpers.pickled import values_of

pytestmark = pytest.mark.oracle


def at(root: Any, name: str) -> Any:
    """The array that is reached by a name."""
    for key in name.split("/"):
        attributes = getattr(root, "__dict__", {})
        state = root.__getstate__() if hasattr(root, "__getstate__") else None
        if isinstance(root, dict):
            root = root[key]
        elif isinstance(root, (list, tuple)):
            root = root[int(key)]
        elif isinstance(root, np.ndarray):
            root = root.flat[int(key)]
        elif key in attributes:
            root = attributes[key]
        else:
            root = state[key] if isinstance(state, dict) else getattr(root, key)
    return root


def check(data: bytes, root: Any, *, least: int) -> None:
    """Compare all arrays whose names are paths of attributes with those of the model."""
    compared = 0
    for tensor in locate_arrays(memoryview(data)).tensors:
        # Arguments of constructors aren't attributes.
        if "random_state" in tensor.name or "_rng" in tensor.name or tensor.name.endswith("tree_/1"):
            continue
        array = at(root, tensor.name)
        found = values_of(tensor, data)
        if array.dtype.names:
            # The bytes between fields are any.
            found = np.array(found, "u1").view(array.dtype).reshape(array.shape).tolist()
        assert found == array.tolist(), tensor.name
        compared += 1
    assert compared >= least


def models() -> list[Any]:
    ensemble = pytest.importorskip("sklearn.ensemble")
    linear = pytest.importorskip("sklearn.linear_model")
    network = pytest.importorskip("sklearn.neural_network")
    random = np.random.default_rng(0)
    features = random.standard_normal((60, 5))
    labels = (features[:, 0] > 0).astype(int)
    made = (
        linear.LogisticRegression(),
        ensemble.RandomForestClassifier(3),
        ensemble.GradientBoostingClassifier(n_estimators=3),
        network.MLPClassifier((8,), max_iter=3),
    )
    return [model.fit(features, labels) for model in made]


@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_by_joblib_and_by_pickle() -> None:
    joblib = pytest.importorskip("joblib")
    for model in models():
        for protocol in (3, 4, 5):
            data = pickle.dumps(model, protocol)
            check(data, pickle.loads(data), least=3)
        file = io.BytesIO()
        joblib.dump(model, file)
        check(file.getvalue(), joblib.load(io.BytesIO(file.getvalue())), least=3)


def test_joblib_s_arrays() -> None:
    joblib = pytest.importorskip("joblib")
    grid = np.arange(24, dtype="f4").reshape(2, 3, 4)
    arrays = {
        "plain": grid,
        "fortran": np.asfortranarray(grid),
        "permuted": grid.transpose(1, 0, 2),
        "sliced": grid[:, ::2],
        "big-endian": grid.astype(">f8"),
        "scalar": np.array(1.5),
        "empty": grid[:0],
        "records": np.zeros(3, [("a", "i4"), ("b", "f8")]),
        "objects": np.array([1, None], dtype=object),
    }
    for protocol in (2, 3, 4, 5):
        file = io.BytesIO()
        joblib.dump(arrays, file, protocol=protocol)
        data = file.getvalue()
        check(data, joblib.load(io.BytesIO(data)), least=8)


@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "xz"])
def test_compressed_files_are_opaque(method: str) -> None:
    joblib = pytest.importorskip("joblib")
    file = io.BytesIO()
    joblib.dump({"w": np.zeros(1000)}, file, compress=(method, 3))
    assert split(memoryview(file.getvalue()), formats.registry()).format == OPAQUE
