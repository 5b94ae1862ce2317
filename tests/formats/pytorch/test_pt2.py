"""Archives of exported programs."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from git_theta import formats, testing
from git_theta.formats.pytorch.pt2 import ExportedProgram
from git_theta.formats.split import OPAQUE, split
from tests.helpers import dcp
from tests.helpers.pickled import values_of
from tests.helpers.pt2 import CONSTANTS, WEIGHTS, entry, pt2_bytes

GRID = np.arange(6, dtype="<f4").reshape(2, 3)
DATA = GRID.tobytes()
TABLE = {"l.weight": entry("weight_0", (2, 3), (3, 1)), "tied": entry("weight_0", (3, 2), (1, 3))}
MODEL = pt2_bytes({(WEIGHTS, "model"): TABLE}, {"data/weights/weight_0": DATA})


def values(data: bytes) -> dict[str, Any]:
    found = split(memoryview(data), formats.registry())
    assert found.format == "pytorch-pt2", found.note
    return {tensor.name: values_of(tensor, data) for tensor in found.tensors}


def test_contract() -> None:
    testing.check_format(ExportedProgram(), [MODEL])


def test_tensors_are_views_of_members() -> None:
    assert values(MODEL) == {"l.weight": GRID.tolist(), "tied": GRID.T.tolist()}
    assert len(ExportedProgram().locate(memoryview(MODEL)).checksums) == 5


def test_constants_and_files_in_the_archive() -> None:
    tables = {
        (WEIGHTS, "model"): {"p": entry("weight_1", (), (), pickled=True)},
        (CONSTANTS, "model"): {"c": entry("tensor_0", (4,), (1,), 12)},
    }
    members = {
        "data/weights/weight_1": dcp.item(GRID),
        "data/constants/tensor_0": b"\1\0\1\1",
        "data/sample_inputs/model.pt": dcp.item(GRID + 1),
    }
    assert values(pt2_bytes(tables, members)) == {
        "c": [True, False, True, True],
        "p": GRID.tolist(),
        "data/sample_inputs/model.pt": (GRID + 1).tolist(),
    }


def test_models_come_first_if_there_are_several() -> None:
    tables = {(WEIGHTS, name): {"w": entry("weight_0", (6,), (1,))} for name in ("a", "b")}
    assert list(values(pt2_bytes(tables, {"data/weights/weight_0": DATA}))) == ["a/w", "b/w"]


def test_other_layouts_and_dtypes_stay_in_the_layout() -> None:
    table = {"s": entry("weight_0", (6,), (1,), layout=1), "d": entry("weight_0", (6,), (1,), 99)}
    assert values(pt2_bytes({(WEIGHTS, "m"): table}, {"data/weights/weight_0": DATA})) == {}


@pytest.mark.parametrize(
    "line",
    [
        entry("weight_1", (6,), (1,)),
        entry("weight_0", (7,), (1,)),
        entry("weight_0", (6,), (1, 1)),
        entry("weight_0", (-1,), (1,)),
        entry("weight_0", (6,), (1,), offset=1),
        entry("weight_0", (6,), (1,), sizes=[{"as_int": "6"}]),
        {"path_name": 3, "use_pickle": False},
        {},
        [],
    ],
)
def test_tables_that_lie(line: Any) -> None:
    data = pt2_bytes({(WEIGHTS, "m"): {"w": line}}, {"data/weights/weight_0": DATA})
    found = split(memoryview(data), formats.registry())
    assert found.format == OPAQUE
    assert "pytorch-pt2" in found.note


def test_tables_that_are_no_json() -> None:
    damaged = MODEL.replace(b'{"config"', b'["config"')
    assert split(memoryview(damaged), formats.registry()).format == OPAQUE
    deep = pt2_bytes({}, {"data/weights/m_weights_config.json": b"[" * 100_000})
    assert split(memoryview(deep), formats.registry()).format == OPAQUE


def test_compressed_members() -> None:
    data = pt2_bytes({(WEIGHTS, "m"): TABLE}, {"data/weights/weight_0": DATA}, 8)
    found = split(memoryview(data), formats.registry())
    assert found.format == OPAQUE
    assert "compressed" in found.note


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_torch_s_exported_programs() -> None:
    torch = pytest.importorskip("torch")

    class Model(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(8, 4)
            self.register_buffer("scale", torch.arange(4.0).bfloat16())

        def forward(self, x: Any) -> Any:
            return self.layer(x) + self.scale

    model = Model()
    file = io.BytesIO()
    torch.export.save(torch.export.export(model, (torch.ones(2, 8),)), file)
    found = values(file.getvalue())
    for name, value in model.state_dict().items():
        assert found[name] == value.tolist()
