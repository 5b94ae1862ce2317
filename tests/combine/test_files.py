"""Models in files and folders."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from git_theta.combine.files import open_file, open_folder, read_index, read_settings
from git_theta.combine.model import Model
from git_theta.errors import UsageError
from tests.helpers.combining import combined, loaded, model_file, weights


def from_folder(stack: ExitStack, folder: Path) -> Model:
    return open_folder(folder, folder.name, lambda path, name: open_file(path, name, 1, stack))


def sharded(folder: Path, seed: int, first: str = "model-1.safetensors") -> Path:
    """A folder of two shards. The index has the given name for the first one."""
    folder.mkdir()
    values = weights(seed)
    one, two = list(values)[:2], list(values)[2:]
    model_file(folder, "model-1.safetensors", {name: values[name] for name in one}, format="pt")
    model_file(folder, "model-2.safetensors", {name: values[name] for name in two}, format="pt")
    places = dict.fromkeys(one, first) | dict.fromkeys(two, "model-2.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return folder


def test_values_are_those_of_the_file(tmp_path: Path) -> None:
    values = weights(1)
    with ExitStack() as stack:
        model = open_file(model_file(tmp_path, "m", values), "m", 1, stack)
        for entry in model.manifest.entries:
            assert b"".join(map(bytes, model.read(entry))) == values[entry.name].tobytes()


def test_shards_are_one_model(tmp_path: Path) -> None:
    with ExitStack() as stack:
        model = from_folder(stack, sharded(tmp_path / "m", 3))
        assert [entry.name for entry in model.manifest.entries] == sorted(weights(3))
        for entry in model.manifest.entries:
            assert b"".join(map(bytes, model.read(entry))) == weights(3)[entry.name].tobytes()


def test_the_only_file_of_a_folder_is_its_model(tmp_path: Path) -> None:
    model_file(tmp_path, "any.safetensors", weights(1))
    (tmp_path / "config.json").write_text("{}")
    with ExitStack() as stack:
        assert len(from_folder(stack, tmp_path).manifest.entries) == len(weights(1))
        model_file(tmp_path, "other.safetensors", weights(1))
        with pytest.raises(UsageError, match="several checkpoints"):
            from_folder(stack, tmp_path)


@pytest.mark.parametrize(
    "shard", ["../model-1.safetensors", "", "..", "/etc/passwd", "a\\b", "missing.safetensors"]
)
def test_an_index_names_files_beside_it_only(tmp_path: Path, shard: str) -> None:
    folder = sharded(tmp_path / "m", 3, shard)
    with ExitStack() as stack, pytest.raises(UsageError, match=r"index of shards|which isn't there"):
        from_folder(stack, folder)


@pytest.mark.parametrize("text", ["[]", "{", '{"weight_map": {}}', '{"weight_map": {"a": 1}}', "[" * 100_000])
def test_an_index_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with ExitStack() as stack, pytest.raises(UsageError, match="shards"):
        from_folder(stack, tmp_path)


def test_an_index_or_settings_without_end_are_refused(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    os.mkfifo(index)
    for read in (lambda: read_index(index), lambda: open_folder(tmp_path, "m", pytest.fail)):
        with pytest.raises(UsageError, match="isn't a regular file"):
            read()
    large = tmp_path / "adapter_config.json"
    large.write_bytes(b" " * (1 << 20) + b"{}")
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        read_settings(large)


def test_a_parameter_in_two_shards_is_refused(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "m", 3)
    model_file(folder, "model-2.safetensors", weights(3))
    with ExitStack() as stack, pytest.raises(UsageError, match=r"is in m/model-1\.safetensors and in"):
        from_folder(stack, folder)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("hello")
    with ExitStack() as stack:
        with pytest.raises(UsageError, match="isn't a checkpoint"):
            open_file(tmp_path / "notes", "notes", 1, stack)
        with pytest.raises(UsageError, match="isn't a file"):
            open_file(tmp_path / "none", "none", 1, stack)


def test_the_first_file_may_be_of_another_format_than_others(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = weights(1), weights(2)
    torch.save({name: torch.tensor(value) for name, value in theirs.items()}, tmp_path / "b.pt")
    found = loaded(combined(tmp_path, model_file(tmp_path, "a", ours), tmp_path / "b.pt"))
    for name, value in ours.items():
        exact = (value.astype("f8") + theirs[name]) / 2
        np.testing.assert_array_equal(found[name], exact.astype("f4"))
