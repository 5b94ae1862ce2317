"""`git theta export`: versions of models in other formats, read by these formats' own libraries."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_safetensors

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.hdf5_files import hdf5_bytes, numbers
from tests.helpers.onnx_files import external, floats, graph, model
from tests.helpers.repo import Repo

NAME = "m.safetensors"
_RANDOM = np.random.default_rng(7)
ARRAYS = {
    "encoder.weight": _RANDOM.standard_normal((64, 48)).astype("f4"),
    "encoder.bias": _RANDOM.standard_normal(48).astype("f2"),
    "steps": np.arange(5),
}


@pytest.fixture
def history(repo: Repo) -> Repo:
    """A model, and a fine-tune of it."""
    repo.write(NAME, safetensors_bytes(ARRAYS, {"epoch": "1"}))
    repo.commit()
    tuned = {**ARRAYS, "encoder.weight": ARRAYS["encoder.weight"] * np.float32(1.001)}
    repo.write(NAME, safetensors_bytes(tuned, {"epoch": "2"}))
    repo.commit()
    return repo


def same(found: dict[str, Any], expected: dict[str, Any] = ARRAYS) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_an_earlier_version_as_an_archive_of_numpy(history: Repo) -> None:
    told = history.theta("export", f"HEAD~1:{NAME}", "out.npz")
    assert "out.npz: 3 parameters" in told
    with np.load(history.path / "out.npz") as found:
        same(dict(found))


def test_a_state_dict(history: Repo) -> None:
    torch: Any = pytest.importorskip("torch")
    history.theta("export", f"HEAD~1:{NAME}", "out.pt")
    found = torch.load(history.path / "out.pt", weights_only=True)
    same({name: tensor.numpy() for name, tensor in found.items()})


def test_a_training_checkpoint_to_weights(history: Repo) -> None:
    torch: Any = pytest.importorskip("torch")
    weight = torch.arange(6.0).reshape(2, 3)
    content = {"model": {"w": weight, "tied": weight, "t": weight.T}, "epoch": 3, "lr": 0.1}
    torch.save(content, history.path / "last.ckpt")
    done = history.run_theta(
        "export", "last.ckpt", "--params", "model/*", "--strip", "model/", "out.safetensors"
    )
    found = load_safetensors(history.read("out.safetensors"))
    np.testing.assert_array_equal(found["t"], weight.numpy().T)
    np.testing.assert_array_equal(found["tied"], found["w"])
    assert set(found) == {"t", "tied", "w"}
    assert "tensors only: epoch, lr" in done.stderr
    assert "written apart: model/tied, model/w" in done.stderr or "model/w, model/tied" in done.stderr


def test_metadata_is_kept_between_files_of_safetensors(history: Repo) -> None:
    safetensors: Any = pytest.importorskip("safetensors")
    history.theta("export", f"HEAD:{NAME}", "out.safetensors")
    with safetensors.safe_open(history.path / "out.safetensors", "numpy") as file:
        assert file.metadata() == {"epoch": "2"}


def test_another_dtype(history: Repo) -> None:
    history.theta("export", f"HEAD~1:{NAME}", "--dtype", "f16", "out.safetensors")
    halves = {name: array.astype("f2") for name, array in ARRAYS.items() if name != "steps"}
    same(load_safetensors(history.read("out.safetensors")), {**halves, "steps": ARRAYS["steps"]})


def test_bfloat16_in_an_archive_of_numpy(history: Repo) -> None:
    done = history.run_theta("export", f"HEAD~1:{NAME}", "--dtype", "BF16", "out.npz")
    assert "NumPy has no bfloat16" in done.stderr
    with np.load(history.path / "out.npz") as found:
        assert found["encoder.bias"].dtype.itemsize == 2


@pytest.mark.slow
def test_very_many_tensors(history: Repo) -> None:
    arrays = {f"layer.{i}": np.full(1, i, "i4") for i in range(20_000)}
    history.write("many.safetensors", safetensors_bytes(arrays))
    history.theta("export", "many.safetensors", "--params", "layer.*", "out.safetensors")
    assert load_safetensors(history.read("out.safetensors"))["layer.19999"] == [19999]


def test_numbers_too_large_are_told(history: Repo) -> None:
    history.write("large.safetensors", safetensors_bytes({"w": np.array([1e6, 2], "f4")}))
    done = history.run_theta("export", "large.safetensors", "--dtype", "F16", "out.pt")
    assert "too large for F16, and infinite now: 1 element of w" in done.stderr


def test_shards(history: Repo) -> None:
    told = history.theta("export", f"HEAD~1:{NAME}", "--max-shard-size", "10KB", "w.safetensors")
    assert "w.safetensors.index.json: 3 parameters" in told
    index = json.loads(history.read("w.safetensors.index.json"))
    files = sorted(set(index["weight_map"].values()))
    assert files == ["w-00001-of-00002.safetensors", "w-00002-of-00002.safetensors"]
    found = {name: load_safetensors(history.read(file))[name] for name, file in index["weight_map"].items()}
    same(found)
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in ARRAYS.values())


def test_shards_become_one_file(history: Repo) -> None:
    (history.path / "folder").mkdir()
    folder = "folder/model.safetensors"
    history.theta("export", f"HEAD~1:{NAME}", "--max-shard-size", "10KB", folder)
    history.theta("export", "folder", "one.safetensors")
    same(load_safetensors(history.read("one.safetensors")))


def test_gguf(history: Repo) -> None:
    gguf: Any = pytest.importorskip("gguf")
    history.theta("export", f"HEAD~1:{NAME}", "--dtype", "F16", "out.gguf")
    tensors = {each.name: each for each in gguf.GGUFReader(history.path / "out.gguf").tensors}
    np.testing.assert_array_equal(tensors["encoder.weight"].data, ARRAYS["encoder.weight"].astype("f2"))


def test_an_export_is_a_model_again(history: Repo) -> None:
    history.theta("export", f"HEAD~1:{NAME}", "out.pt")
    history.theta("export", "out.pt", "back.safetensors")
    same(load_safetensors(history.read("back.safetensors")))
    history.theta("track", "*.pt")
    history.git("add", "out.pt")
    assert "3 parameters" in history.theta("show", "out.pt")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([NAME, "out.onnx"], "which format"),
        ([NAME, NAME], "is there already"),
        (["nothing.pt", "out.pt"], "there's no file nothing.pt"),
        ([NAME, "out.npz", "--max-shard-size", "1GB"], "aren't sharded"),
        ([NAME, "out.pt", "--max-shard-size", "0GB"], "isn't a size"),
        ([NAME, "out.pt", "--to", "onnx"], "onnx"),
        ([NAME, "out.pt", "--params", "decoder*"], "decoder"),
        ([NAME, "out.pt", "--strip", "encoder."], "doesn't begin with"),
        ([NAME, "there/out.pt"], "there's no folder there"),
    ],
)
def test_bad_input(history: Repo, words: list[str], message: str) -> None:
    before = sorted(each.name for each in history.path.iterdir())
    done = history.run_theta("export", *words, ok=False)
    assert done.returncode != 0
    assert message in done.stderr
    assert sorted(each.name for each in history.path.iterdir()) == before


@pytest.mark.filterwarnings("ignore:.*quantize")
@pytest.mark.parametrize("legacy", [False, True])
def test_views_with_other_values_than_their_storage_are_refused(repo: Repo, legacy: bool) -> None:
    torch: Any = pytest.importorskip("torch")
    plain = {"w": torch.ones(2)}
    for name, value, form in (
        ("c", torch.tensor([1 + 2j]).conj(), "c is stored conjugated"),
        ("n", torch._neg_view(torch.ones(2)), "n is stored negated"),
        ("q", torch._empty_affine_quantized([2], scale=0.1, dtype=torch.qint8), "q is stored quantised"),
        ("p", torch.nn.Parameter(torch._neg_view(torch.ones(2))), "p is stored negated"),
    ):
        torch.save({**plain, name: value}, repo.path / "m.pt", _use_new_zipfile_serialization=not legacy)
        assert form in repo.theta("export", "m.pt", "out.pt", ok=False)
        assert not (repo.path / "out.pt").exists()
        repo.theta("export", "m.pt", "w.npz", "--params", "w", "--force")


@pytest.mark.parametrize("end", ["pt", "npz", "gguf"])
def test_names_that_arent_utf8(repo: Repo, end: str) -> None:
    header = b'{"\\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (repo.path / "s.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"1234")
    told = repo.theta("export", "s.safetensors", f"out.{end}", ok=False)
    assert "has no form in UTF-8" in told
    assert not (repo.path / f"out.{end}").exists()


@pytest.mark.parametrize("output", [".", "/", ""])
def test_outputs_without_a_name(history: Repo, output: str) -> None:
    told = history.theta("export", NAME, output, "--to", "pt", ok=False)
    assert "isn't the name of a file" in told


def test_tensors_in_data_files_are_told(repo: Repo) -> None:
    elsewhere = external("w", [4], location="./m.onnx.data", offset=0, length=16)
    repo.write("m.onnx", model(graph([], [floats("b", 1, 2), elsewhere])))
    told = repo.theta("export", "m.onnx", "out.npz")
    assert "in other files, to be exported apart: tensors in m.onnx.data" in told
    assert "other files" not in repo.theta("export", "m.onnx", "b.npz", "--params", "b")


def test_compressed_chunks_are_told(repo: Repo) -> None:
    pytest.importorskip("h5py")

    def compressed(file: Any) -> None:
        file.create_dataset("w", data=numbers(64, 400), chunks=(32, 400), compression="gzip")

    repo.write("m.h5", hdf5_bytes(compressed))
    told = repo.theta("export", "m.h5", "out.npz")
    assert "compressed in m.h5, and written as the compressed bytes: w[0:32,0:400], w[32:64,0:400]" in told
