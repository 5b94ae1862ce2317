"""Archives of skops."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from git_theta import formats, testing
from git_theta.errors import FormatError
from git_theta.formats.numpy import skops_names
from git_theta.formats.numpy.skops import Skops
from git_theta.formats.numpy.skops_names import array_names
from git_theta.formats.split import OPAQUE, split
from tests.helpers.pickled import values_of

GRID = np.arange(6, dtype="<f4").reshape(2, 3)


def node(content: Any, **more: Any) -> dict[str, Any]:
    return {"__class__": "x", "__loader__": "X", "content": content, **more}


def array(file: str) -> dict[str, Any]:
    return {"__class__": "ndarray", "__loader__": "NdArrayNode", "type": "numpy", "file": file}


MODEL = node(node({"coefs_": node([array("7.npy"), array("8.npy")]), "alpha": node("0.1", is_json=True)}))


def dumped(schema: Any, **arrays: np.ndarray) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for key, value in arrays.items():
            file = io.BytesIO()
            np.save(file, value)
            archive.writestr(f"{key}.npy", file.getvalue())
        archive.writestr("schema.json", schema if isinstance(schema, bytes) else json.dumps(schema))
    return made.getvalue()


def test_contract() -> None:
    testing.check_format(Skops(), [dumped(MODEL, **{"7": GRID, "8": GRID})])


def test_names_are_paths_in_the_schema() -> None:
    data = dumped(MODEL, **{"7": GRID, "8": GRID + 1, "9": GRID + 2})
    found = split(memoryview(data), formats.registry())
    assert found.format == "skops"
    assert {each.name: values_of(each, data) for each in found.tensors} == {
        "coefs_/0": GRID.tolist(),
        "coefs_/1": (GRID + 1).tolist(),
        "9": (GRID + 2).tolist(),
    }


def test_parts_of_nodes_have_their_names() -> None:
    random = {"__loader__": "RandomStateNode", "content": node({"state": array("1.npy")})}
    parts = node({"k": random}, attrs=node({"w": array("2.npy")}))
    assert array_names(json.dumps(parts).encode()) == {"1.npy": "k/state", "2.npy": "attrs/w"}
    assert array_names(b"3") == array_names(b"[]") == {}


def test_schemas_that_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    for schema in (b"{", b"[" * 100_000, b"\xff"):
        found = split(memoryview(dumped(schema, w=GRID)), formats.registry())
        assert found.format == OPAQUE
        assert "skops" in found.note
    monkeypatch.setattr(skops_names, "_MAX_NODES", 3)
    with pytest.raises(FormatError, match="too large"):
        array_names(json.dumps(MODEL).encode())


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_skops_s_models() -> None:
    io_ = pytest.importorskip("skops.io")
    network = pytest.importorskip("sklearn.neural_network")
    features = np.random.default_rng(0).standard_normal((50, 4))
    model = network.MLPClassifier((6,), max_iter=2).fit(features, features[:, 0] > 0)
    data = io_.dumps(model)
    found = split(memoryview(data), formats.registry())
    assert found.format == "skops"
    values = {each.name: values_of(each, data) for each in found.tensors}
    assert values["coefs_/0"] == model.coefs_[0].tolist()
    assert values["intercepts_/1"] == model.intercepts_[1].tolist()
