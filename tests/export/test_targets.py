"""New files of every target, read by the libraries of their formats."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_safetensors

from git_theta import formats
from git_theta.checkpoint_file import read_checkpoint
from git_theta.errors import UsageError
from git_theta.export.targets import SHARDED, TARGETS, new_file, target_of
from git_theta.formats.base import Creator
from git_theta.model.tensor import ITEM_SIZE, TensorSpec

SPECS = {"b.weight": TensorSpec("F32", (3, 4)), "a": TensorSpec("F16", (0, 2)), "é": TensorSpec("I64", (1,))}


@pytest.mark.parametrize("target", TARGETS)
def test_the_layout_has_a_place_for_each_tensor(target: str) -> None:
    layout = new_file(target, SPECS, {"k": "v"}).layout
    assert {place.name for place in layout.placements} == set(SPECS)


def test_targets_by_the_names_of_files() -> None:
    assert [target_of(end) for end in (".safetensors", ".pt", ".bin", ".npz", ".gguf")] == [
        "safetensors",
        "pt",
        "pt",
        "npz",
        "gguf",
    ]
    with pytest.raises(UsageError, match="which format"):
        target_of(".onnx")
    assert set(TARGETS) > SHARDED


def created(target: str, specs: Mapping[str, TensorSpec]) -> bytes:
    plugin = formats.registry().get(TARGETS[target])
    assert isinstance(plugin, Creator)
    return bytes(plugin.create(specs, {}))


def test_safetensors_reads_it() -> None:
    found = load_safetensors(created("safetensors", SPECS))
    assert {name: array.shape for name, array in found.items()} == {
        name: spec.shape for name, spec in SPECS.items()
    }


def test_numpy_reads_it() -> None:
    # Checksums are computed when values are written; those of zeros aren't 0.
    with np.load(io.BytesIO(created("npz", {"a": SPECS["a"]}))) as found:
        assert (found["a"].shape, found["a"].dtype) == ((0, 2), np.float16)


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("dtype", sorted(ITEM_SIZE))
def test_torch_reads_every_dtype(dtype: str) -> None:
    torch: Any = pytest.importorskip("torch")
    found = torch.load(io.BytesIO(created("pt", {"w": TensorSpec(dtype, (2, 3))})), weights_only=True)
    assert (tuple(found["w"].shape), found["w"].element_size()) == ((2, 3), ITEM_SIZE[dtype])
    data = created("pt", {"w": TensorSpec(dtype, (2, 3))})
    assert read_checkpoint(memoryview(data)).tensors["w"].spec == TensorSpec(dtype, (2, 3))


def test_gguf_reads_it(tmp_path: Any) -> None:
    gguf: Any = pytest.importorskip("gguf")
    path = tmp_path / "m.gguf"
    path.write_bytes(created("gguf", {"blk.0.w": TensorSpec("BF16", (4, 64)), "s": TensorSpec("F32", (3,))}))
    tensors = gguf.GGUFReader(path).tensors
    assert [(each.name, each.tensor_type.name, tuple(each.shape)) for each in tensors] == [
        ("blk.0.w", "BF16", (64, 4)),
        ("s", "F32", (3,)),
    ]


def test_a_long_header_is_a_stretch() -> None:
    specs = {f"layer.{i}": TensorSpec("F32", (1,)) for i in range(30_000)}
    draft = new_file("safetensors", specs, {})
    assert draft.stretches


@pytest.mark.parametrize(
    ("target", "name", "spec", "message"),
    [
        ("npz", "w", TensorSpec("F8_E4M3", (2,)), "no dtype F8_E4M3"),
        ("pt", "w", TensorSpec("Q8_0", (32,)), "no dtype Q8_0"),
        ("gguf", "w" * 64, TensorSpec("F32", (2,)), "at most 63 bytes"),
        ("gguf", "w", TensorSpec("F32", (1, 1, 1, 1, 1)), "at most 4 dimensions"),
        ("gguf", "w", TensorSpec("C64", (2,)), "C64"),
        ("safetensors", "w", TensorSpec("Q4_K", (256,)), "Q4_K"),
    ],
)
def test_what_a_format_has_no_place_for(target: str, name: str, spec: TensorSpec, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        new_file(target, {name: spec}, {})
