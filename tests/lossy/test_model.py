from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from git_theta.checkpoint_file import CheckpointFile, read_checkpoint
from git_theta.lossy.levels import levels_of
from git_theta.lossy.model import LossyModel, has_overlaps, write_nearly
from git_theta.lossy.parameter import lossy_parameter
from git_theta.updates.base import Base
from git_theta.updates.quantized import Quantized
from tests.helpers.checkpoints import safetensors_arrays, safetensors_bytes
from tests.helpers.weights import input_of

RANDOM = np.random.default_rng(0)
ARRAYS = {name: RANDOM.standard_normal((30, 40)).astype("f4") for name in "ab"}


def written(file: CheckpointFile, values: dict[str, bytes], tmp_path: Path) -> bytes:
    path = tmp_path / "out"
    given = {name: partial(memoryview, data) for name, data in values.items()}
    with path.open("wb+") as handle:
        write_nearly(file, given, handle.fileno(), 2)
    return path.read_bytes()


def test_a_copy_has_the_same_bytes(tmp_path: Path) -> None:
    data = safetensors_bytes({**ARRAYS, "n": np.arange(5)}, {"by": "hand"})
    assert written(read_checkpoint(memoryview(data)), {}, tmp_path) == data


def test_values_are_replaced(tmp_path: Path) -> None:
    data = safetensors_bytes(ARRAYS)
    other = np.ones((30, 40), "<f4")
    found = safetensors_arrays(written(read_checkpoint(memoryview(data)), {"b": other.tobytes()}, tmp_path))
    assert np.array_equal(found["a"], ARRAYS["a"])
    assert np.array_equal(found["b"], other)


def test_checksums_of_archives_are_those_of_the_new_values(tmp_path: Path) -> None:
    archive = io.BytesIO()
    np.savez(archive, **ARRAYS)
    file = read_checkpoint(memoryview(archive.getvalue()))
    path = tmp_path / "new.npz"
    path.write_bytes(written(file, {"a": bytes(4800)}, tmp_path))
    assert zipfile.ZipFile(path).testzip() is None
    assert not np.load(path)["a"].any()


def test_values_that_overlap_are_copied_as_they_are(tmp_path: Path) -> None:
    data = safetensors_bytes(ARRAYS)
    file = read_checkpoint(memoryview(data))
    assert not has_overlaps(file)
    first, second = file.layout.placements
    nearer = replace(second, offset=second.offset - 4)
    tensors = {**file.tensors, second.name: replace(file.tensors[second.name], offset=nearer.offset)}
    layout = replace(file.layout, placements=(first, nearer))
    overlapping = replace(file, layout=layout, tensors=tensors)
    assert has_overlaps(overlapping)
    assert written(overlapping, {}, tmp_path)[:-4] == data[:-4]


@pytest.fixture
def model() -> LossyModel:
    parameters = {}
    for name, array in ARRAYS.items():
        file = read_checkpoint(memoryview(safetensors_bytes({name: array})))
        spec = file.tensors[name].spec
        start = (array + np.float32(0.01)).astype("f4")
        bases = [Base(spec, input_of(start.tobytes()))]
        found = lossy_parameter((name, f"{name}.tied"), spec, file.value(name), bases)
        assert found
        parameters[name] = found[0]
    return LossyModel(parameters, levels_of(Quantized()), None)


def test_exact_levels_cost_more_and_keep_the_value(model: LossyModel) -> None:
    assert model.value("a", model.exact) == ARRAYS["a"].tobytes()
    assert model.size("a", 0) < model.size("a", model.exact)
    assert model.size("a", 3) == len(model.payload("a", 3))


def test_plans_give_values_to_all_names_that_are_not_exact(model: LossyModel) -> None:
    values = model.values({"a": 2, "b": model.exact})
    assert set(values) == {"a", "a.tied"}
    assert values["a"]() == values["a.tied"]() == model.value("a", 2)
    assert model.value("a", 2) != ARRAYS["a"].tobytes()


def test_values_that_cannot_be_expressed_cost_what_the_exact_one_does() -> None:
    spec = read_checkpoint(memoryview(safetensors_bytes(ARRAYS))).tensors["a"].spec
    value = np.full((30, 40), 1e-30, "<f4")
    value[0, 0] = 1e30
    found = lossy_parameter(("a",), spec, memoryview(value.tobytes()), [])
    assert found
    model = LossyModel({"a": found[0]}, levels_of(Quantized()), 1e-9)
    assert model.size("a", 0) == model.size("a", model.exact)
